namespace Soak.Chaos;

/// <summary>The target of calls: the gateway, or an upstream directly.</summary>
internal sealed record ChaosTarget
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(20);

    /// <summary>A letter in the ids of its calls.</summary>
    public required string Name { get; init; }

    public required int Port { get; init; }

    /// <summary>The prefix of the paths whose upstream speaks HTTP/1.1.</summary>
    public required string Prefix { get; init; }

    /// <summary>Whether <see cref="ChaosSettings.Http2Prefix"/> leads to an upstream with HTTP/2.</summary>
    public required bool HasHttp2 { get; init; }

    /// <summary>The time after which a client gives up.</summary>
    public required TimeSpan Patience { get; init; }

    /// <summary>A number that changes when the target is killed and when it is back; odd while it runs.</summary>
    public Func<int> Changes { get; init; } = static () => 1;

    /// <summary>Whether an outage can have touched a call over HTTP/2 or HTTP/1.1 that began at a time and ends now.</summary>
    public Func<bool, long, bool> WasDownSince { get; init; } = static (_, _) => false;

    /// <summary>
    /// Waits until a killed target is back, as behind a load balancer, which sends no calls to it before. Returns <see cref="Changes"/>.
    /// </summary>
    public async Task<int> WaitForRestartAsync()
    {
        int changes;
        while ((changes = Changes()) % 2 == 0)
        {
            await Task.Delay(BetweenLooks);
        }

        return changes;
    }
}
