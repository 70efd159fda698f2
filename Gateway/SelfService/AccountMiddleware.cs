using Gateway.Errors;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;

namespace Gateway.SelfService;

/// <summary>
/// The Account phase. Answers a team's requests for its own key and credits, which are never forwarded: upstream would answer about the
/// operator's key. Every other request passes.
/// </summary>
internal sealed partial class AccountMiddleware(RequestDelegate next, TeamAccounts accounts, ILogger<AccountMiddleware> logger)
{
    public Task InvokeAsync(HttpContext context) => GatewayContext.Of(context).Caller is { Endpoint.Kind: TeamEndpointKind.Account } caller
        ? AnswerAsync(context, caller)
        : next(context);

    private async Task AnswerAsync(HttpContext context, CallerRecord caller)
    {
        var (team, key) = caller.Identity!;
        ReadOnlyMemory<byte> body;
        try
        {
            body = caller.Endpoint!.NeedsBudget
                ? AccountJson.RenderCredits(await accounts.ReadLeastAsync(caller.Identity))
                : AccountJson.RenderKey(key, await accounts.ReadAsync(caller.Identity, context.RequestAborted));
        }
        catch (LimitStoreException fault)
        {
            Log.BudgetUnreadable(logger, fault.Message, team.Id, GatewayContext.Of(context).RequestId);
            await ErrorMiddleware.RefuseAsync(context, GatewayError.BudgetUnavailable);
            return;
        }

        var response = context.Response;
        GatewayResponseHeaders.Apply(context);
        response.Headers.CacheControl = "no-store";
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        await GatewayContext.Of(context).EndLeaseAsync();
        await response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.BudgetUnreadable, LogLevel.Warning, "The budget of team {Team} could not be read: {Fault}. Request {RequestId}")]
        public static partial void BudgetUnreadable(ILogger logger, string fault, string team, string requestId);
    }
}
