namespace Gateway.Admin;

/// <summary>The dashboard: one page, one stylesheet and one script, which read the admin address's own endpoints.</summary>
internal static class DashboardEndpoints
{
    /// <summary>
    /// The policy of the page: only its own script, stylesheet and requests. Names that clients choose cannot become script, even if the page
    /// had a fault.
    /// </summary>
    public const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    /// <summary>Maps <c>/</c>, <c>/dashboard.css</c> and <c>/dashboard.js</c>.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, "/", "dashboard.html", "text/html; charset=utf-8");
        Map(endpoints, "/dashboard.css", "dashboard.css", "text/css; charset=utf-8");
        Map(endpoints, "/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8");
    }

    // A file is read at its first request, so a gateway whose dashboard is not used keeps none of it in memory.
    private static void Map(IEndpointRouteBuilder endpoints, string path, string name, string contentType)
    {
        var file = new Lazy<DashboardFile>(() => DashboardFile.Read(name, contentType));
        endpoints.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], context => file.Value.AnswerAsync(context));
    }
}
