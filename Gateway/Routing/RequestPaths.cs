namespace Gateway.Routing;

/// <summary>
/// Detects paths that two parsers may read differently. The gateway would judge one path and upstream would serve another, so they are
/// answered with 404. The server has resolved dot segments and ordinary escapes before.
/// </summary>
internal static class RequestPaths
{
    public static bool IsAmbiguous(PathString path)
    {
        var value = path.Value.AsSpan();
        return value.Contains("//", StringComparison.Ordinal)
            || value.Contains('\\')
            || value.Contains("%2F", StringComparison.OrdinalIgnoreCase);
    }
}
