namespace Gateway.Health;

/// <summary>Whether new requests are welcome: from the start until the program is asked to stop.</summary>
internal sealed class Readiness(IHostApplicationLifetime lifetime)
{
    public bool IsReady => lifetime.ApplicationStarted.IsCancellationRequested && !lifetime.ApplicationStopping.IsCancellationRequested;
}
