using Gateway.Prices;
using Gateway.Requests;

namespace Gateway.Admission;

/// <summary>
/// Lets calls of teams with a budget wait for the first list of prices, where a program that has just started for the first time has none:
/// for some seconds at most, behind which their price is unknown. Everything else passes.
/// </summary>
internal sealed class PriceListMiddleware(RequestDelegate next, PriceListStore prices)
{
    public Task InvokeAsync(HttpContext context) =>
        prices.HasList || GatewayContext.Of(context) is not { Team.Budget: not null, Endpoint.IsMetered: true }
            ? next(context)
            : AwaitAsync(context);

    private async Task AwaitAsync(HttpContext context)
    {
        await prices.WaitForListAsync(context.RequestAborted);
        await next(context);
    }
}
