using System.Globalization;
using Xunit;

[assembly: AssemblyFixture(typeof(Gateway.Tests.Support.SharedRedis))]

namespace Gateway.Tests.Support;

/// <summary>One Redis for all tests that do it no harm; started by the first that asks. Each test takes a prefix of its own.</summary>
public sealed class SharedRedis : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private RedisServer? _server;
    private int _prefixes;

    /// <summary>A beginning of keys that no other test has.</summary>
    public string NewPrefix() => string.Create(CultureInfo.InvariantCulture, $"t{Interlocked.Increment(ref _prefixes)}:");

    /// <summary>The server. Skips the test where Redis is not installed.</summary>
    public async Task<RedisServer> GetAsync()
    {
        await _gate.WaitAsync();
        try
        {
            return _server ??= await RedisServer.StartNewAsync();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            await server.DisposeAsync();
        }

        _gate.Dispose();
    }
}
