namespace Gateway.Routing;

/// <summary>
/// Paths that two parsers may read differently: the gateway would judge one path and the upstream serve another. They are a 404.
/// Dot segments and ordinary escapes are resolved by the server before they come here.
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
