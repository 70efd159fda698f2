namespace Gateway.Routing;

/// <summary>
/// Detects paths that two parsers may read differently. The gateway rejects them with 404: it would judge one path and upstream would serve
/// another. Kestrel has already resolved dot segments and ordinary escapes.
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
