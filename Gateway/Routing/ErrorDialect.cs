namespace Gateway.Routing;

/// <summary>The shape of an error body.</summary>
internal enum ErrorDialect
{
    /// <summary><c>{"error":{"message","type","code","param"}}</c>: chat completions and every path without a dialect of its own.</summary>
    OpenAi,

    /// <summary>Same as <see cref="OpenAi"/>, except in an event stream, where the error is a typed <c>error</c> event.</summary>
    Responses,

    /// <summary><c>{"type":"error","error":{"type","message"}}</c>: <c>/messages</c> and the paths below it.</summary>
    Anthropic,
}

/// <summary>Derives the dialect from a path. A request with a route takes it from <see cref="RouteFacts"/> instead.</summary>
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
