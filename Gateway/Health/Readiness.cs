namespace Gateway.Health;

/// <summary>Whether the gateway accepts new requests: from its start until a stop is requested.</summary>
internal sealed class Readiness(IHostApplicationLifetime lifetime)
{
    public bool IsReady => lifetime.ApplicationStarted.IsCancellationRequested && !lifetime.ApplicationStopping.IsCancellationRequested;
}
