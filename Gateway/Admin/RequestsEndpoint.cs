using System.Text.Json;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Reports;

namespace Gateway.Admin;

/// <summary><c>GET /admin/requests</c>: the latest requests; <c>GET /admin/requests/{id}</c>: one of them.</summary>
/// <param name="lookup">Finds requests.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Receives the details of failures, which the response does not contain.</param>
internal sealed partial class RequestsEndpoint(RequestLookup lookup, TimeProvider time, ILogger<RequestsEndpoint> logger)
{
    /// <summary>The route parameter with the id.</summary>
    public const string IdParameter = "id";

    private const string LedgerUnreadable = "The ledger cannot be read at the moment. The gateway's log has the details.";

    private static readonly GatewayError Unknown = new(404, ErrorOrigin.Client, "not_found_error", "request_not_found",
        "No request with this id is known: neither among the latest requests of this node nor in the ledger. The id is the response's "
        + "x-request-id, or upstream's id of the generation.");

    private static readonly GatewayError Unavailable = new(503, ErrorOrigin.Gateway, "api_error", "ledger_unavailable", LedgerUnreadable);

    /// <summary>Answers with one request.</summary>
    public async Task AnswerOneAsync(HttpContext context)
    {
        RequestRecord? request;
        try
        {
            request = await lookup.FindAsync((string)context.GetRouteValue(IdParameter)!, context.RequestAborted);
        }
        catch (LedgerException fault)
        {
            Log.RequestsUnreadable(logger, fault.Message);
            await ErrorMiddleware.RefuseAsync(context, Unavailable);
            return;
        }

        await (request is null
            ? ErrorMiddleware.RefuseAsync(context, Unknown)
            : AdminResponses.WriteAsync(
                context,
                "application/json",
                JsonSerializer.SerializeToUtf8Bytes(RequestDocument.Of(request), LookupJsonContext.Default.RequestDocument)));
    }

    /// <summary>Answers with the latest requests.</summary>
    public async Task AnswerManyAsync(HttpContext context)
    {
        if (RequestQuery.Read(context.Request.Query, time.GetUtcNow(), out var error) is not { } selection)
        {
            await ErrorMiddleware.RefuseAsync(context, error!);
            return;
        }

        var (requests, searchedSince, fault) = await lookup.ListAsync(selection, context.RequestAborted);
        if (fault is not null)
        {
            Log.RequestsUnreadable(logger, fault.Message);
        }

        var document = new RequestsDocument([.. requests.Select(RequestDocument.Of)])
        {
            Incomplete = fault is not null ? LedgerUnreadable
                : searchedSince is { } since
                    ? $"The ledger was searched back to {ErrorMetadata.Text(since)}. Older requests are found with a \"since\" and fewer filters, or by GET /admin/usage."
                : null,
        };
        await AdminResponses.WriteAsync(
            context, "application/json", JsonSerializer.SerializeToUtf8Bytes(document, LookupJsonContext.Default.RequestsDocument));
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.RequestsUnreadable, LogLevel.Warning, "Requests could not be looked up in the ledger: {Fault}")]
        public static partial void RequestsUnreadable(ILogger logger, string fault);
    }
}
