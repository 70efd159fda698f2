namespace Gateway.Browsers;

/// <summary>
/// The Browser phase. Exposes the headers of every response to a request with an <c>Origin</c>, which browsers add to the requests of a page
/// of another origin.
/// </summary>
internal sealed class BrowserMiddleware
{
    private static readonly Func<object, Task> Expose = static state =>
    {
        ExposedHeaders.Add(((HttpResponse)state).Headers);
        return Task.CompletedTask;
    };

    private readonly RequestDelegate _next;

    public BrowserMiddleware(RequestDelegate next) => _next = next;

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Headers.Origin.Count > 0)
        {
            context.Response.OnStarting(Expose, context.Response);
        }

        return _next(context);
    }
}
