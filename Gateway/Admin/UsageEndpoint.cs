using System.Text;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Reports;
using Microsoft.Net.Http.Headers;

namespace Gateway.Admin;

/// <summary><c>GET /admin/usage</c>: sums of usage by group.</summary>
/// <param name="ledger">
/// Returns the open ledger; <see langword="null"/> as long as no team was configured. Throws <see cref="LedgerException"/> if it cannot be
/// opened.
/// </param>
/// <param name="time">The clock.</param>
/// <param name="logger">Receives the details of failures, which the response does not contain.</param>
internal sealed partial class UsageEndpoint(Func<ValueTask<ILedgerStore?>> ledger, TimeProvider time, ILogger<UsageEndpoint> logger)
{
    private const string Json = "application/json";
    private const string Csv = "text/csv";

    private static readonly GatewayError LedgerUnavailable = new(503, ErrorOrigin.Gateway, "api_error", "ledger_unavailable",
        "The ledger cannot be read at the moment. The gateway's log has the details.");

    public async Task AnswerAsync(HttpContext context)
    {
        if (UsageQuery.Read(context.Request.Query, time.GetUtcNow(), out var error) is not { } query)
        {
            await ErrorMiddleware.RefuseAsync(context, error!);
            return;
        }

        IReadOnlyList<UsageRow> rows;
        try
        {
            rows = await ledger() is { } store
                ? await store.ReadUsageAsync(query, context.RequestAborted)
                : [];
        }
        catch (LedgerException fault)
        {
            Log.UsageUnreadable(logger, fault.Message);
            await ErrorMiddleware.RefuseAsync(context, LedgerUnavailable);
            return;
        }

        context.Response.Headers.Vary = HeaderNames.Accept;
        if (PrefersCsv(context.Request))
        {
            await AdminResponses.WriteAsync(context, Csv + "; charset=utf-8", Encoding.UTF8.GetBytes(UsageReport.ToCsv(query.Groups, rows)));
        }
        else
        {
            await AdminResponses.WriteAsync(context, Json, UsageReport.ToJson(query.Groups, rows));
        }
    }

    /// <summary>Whether <c>Accept</c> names CSV, with at least the quality of JSON. A wildcard names neither.</summary>
    internal static bool PrefersCsv(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted))
        {
            return false;
        }

        var csv = Quality(Csv);
        return csv > 0 && csv >= Quality(Json);

        double Quality(string type) => accepted
            .Where(media => media.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase))
            .Select(media => media.Quality ?? 1)
            .DefaultIfEmpty(0)
            .Max();
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.UsageUnreadable, LogLevel.Warning, "Usage could not be read: {Fault}")]
        public static partial void UsageUnreadable(ILogger logger, string fault);
    }
}
