namespace FakeOpenRouter;

/// <summary>Reads request bodies that are not recorded.</summary>
internal static class BodyDrain
{
    /// <summary>Reads a body to its end. Only its beginning and end are searched for <c>"stream": true</c>.</summary>
    public static async ValueTask<RequestFacts> ReadAsync(HttpContext context)
    {
        var streams = false;
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            streams |= SaysStream(read.Buffer.FirstSpan);
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return streams ? RequestFacts.Unknown with { Stream = true } : RequestFacts.Unknown;
            }
        }
    }

    private static bool SaysStream(ReadOnlySpan<byte> bytes)
    {
        var at = bytes.IndexOf("\"stream\""u8);
        return at >= 0 && bytes[(at + 8)..].TrimStart(": \t\r\n"u8).StartsWith("true"u8);
    }
}
