namespace Gateway.Routing;

/// <summary>Detects the CORS preflights of browsers.</summary>
internal static class CorsPreflight
{
    /// <summary>Whether a request is a preflight.</summary>
    public static bool IsRequested(HttpContext context)
    {
        if (!HttpMethods.IsOptions(context.Request.Method))
        {
            return false;
        }

        var headers = context.Request.Headers;
        return headers.Origin.Count > 0 && headers.AccessControlRequestMethod.Count > 0 && !ProtocolUpgrade.IsRequested(context);
    }
}
