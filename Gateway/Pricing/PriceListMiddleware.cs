namespace Gateway.Pricing;

/// <summary>
/// Lets calls of teams with a budget wait for the first list of prices, where a program that has just started for the first time has none:
/// for some seconds at most, behind which their price is unknown. Everything else passes.
/// </summary>
internal sealed class PriceListMiddleware(RequestDelegate next, PriceBook prices)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (GatewayContext.Of(context) is not { Team.Budget: not null, Endpoint.IsMetered: true })
        {
            return next(context);
        }

        var list = prices.WaitForListAsync(context.RequestAborted);
        return list.IsCompletedSuccessfully ? next(context) : AwaitAsync(list, context);
    }

    private async Task AwaitAsync(ValueTask list, HttpContext context)
    {
        await list;
        await next(context);
    }
}
