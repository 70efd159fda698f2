namespace Gateway.Routing;

/// <summary>The shapes in which the SDKs behind a route expect an error.</summary>
internal enum ErrorDialect
{
    /// <summary><c>{"error":{"message","type","code","param"}}</c>: chat completions and all that is neither of the others.</summary>
    OpenAi,

    /// <summary>As <see cref="OpenAi"/>; in an event stream it is a typed <c>error</c> event.</summary>
    Responses,

    /// <summary><c>{"type":"error","error":{"type","message"}}</c>: <c>/messages</c> and what lies below it.</summary>
    Anthropic,
}

/// <summary>Tells the dialect of a request by its path.</summary>
internal static class ErrorDialects
{
    public static ErrorDialect Of(PathString path)
    {
        var value = path.Value.AsSpan();
        return HasSegment(value, "/messages") ? ErrorDialect.Anthropic
            : HasSegment(value, "/responses") ? ErrorDialect.Responses
            : ErrorDialect.OpenAi;
    }

    private static bool HasSegment(ReadOnlySpan<char> path, string segment)
    {
        var at = path.IndexOf(segment, StringComparison.OrdinalIgnoreCase);
        return at >= 0 && (at + segment.Length == path.Length || path[at + segment.Length] == '/');
    }
}
