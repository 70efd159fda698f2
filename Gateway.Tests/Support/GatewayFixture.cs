using Xunit;

namespace Gateway.Tests.Support;

/// <summary>One gateway and one upstream for all tests of a class that only need them to be there.</summary>
public abstract class GatewayFixture : IAsyncLifetime
{
    private GatewayPair? _pair;

    internal GatewayPair Pair => _pair ?? throw new InvalidOperationException("Not started.");

    public async ValueTask InitializeAsync() => _pair = await GatewayPair.StartAsync(Configure);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_pair is not null)
        {
            await _pair.DisposeAsync();
        }
    }

    private protected abstract void Configure(GatewayHostOptions options);
}
