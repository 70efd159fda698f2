using Gateway.Errors;

namespace Gateway.Upstream;

/// <summary>Applies the time limits of a request's response, which begin with its sending, until the response's headers have arrived.</summary>
internal sealed class AnswerTimeoutHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>The option with the limits, of a request that has any before its response begins.</summary>
    public static readonly HttpRequestOptionsKey<AnswerTimers> Timers = new("Gateway.AnswerTimers");

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        request.Options.TryGetValue(Timers, out var timers)
            ? SendAsync(request, timers, cancellationToken)
            : base.SendAsync(request, cancellationToken);

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, AnswerTimers timers, CancellationToken cancellationToken)
    {
        timers.Link(cancellationToken);
        try
        {
            return await base.SendAsync(request, timers.Token);
        }
        catch (Exception) when (timers.Token.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            timers.Dispose();
            throw new ResponseTimeoutException();
        }
        catch
        {
            timers.Dispose();
            throw;
        }
    }
}
