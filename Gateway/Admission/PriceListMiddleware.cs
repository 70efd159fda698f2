using Gateway.Prices;
using Gateway.Requests;

namespace Gateway.Admission;

/// <summary>
/// Delays metered calls of teams with a budget until the first price list has arrived. All calls share one deadline, a few seconds after the
/// first of them; after that the price is unknown. Usually only a program that starts for the first time has no list. Every other request
/// passes.
/// </summary>
internal sealed class PriceListMiddleware(RequestDelegate next, PriceListStore prices)
{
    public Task InvokeAsync(HttpContext context) =>
        !prices.IsAwaited || GatewayContext.Of(context).Caller is not { Team.HasBudget: true, IsMetered: true }
            ? next(context)
            : AwaitAsync(context);

    private async Task AwaitAsync(HttpContext context)
    {
        await prices.WaitForListAsync(context.RequestAborted);
        await next(context);
    }
}
