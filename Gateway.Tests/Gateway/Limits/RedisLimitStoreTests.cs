using Gateway.Limits;
using Gateway.Teams;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>The promises of <see cref="LimitStoreTests"/> in a real Redis, and those about nodes that share it.</summary>
public sealed class RedisLimitStoreTests(SharedRedis redis) : LimitStoreTests, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _prefix = redis.NewPrefix();
    private readonly List<IAsyncDisposable> _owned = [];
    private RedisServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await redis.GetAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }
    }

    [Fact]
    public async Task Nodes_ShareLimits()
    {
        var (one, other) = (CreateNode(), CreateNode());
        var scope = new LimitScope("team:a", 10, 1000, 4);
        for (var i = 0; i < 4; i++)
        {
            Assert.NotNull((await TakeFromAsync(i % 2 == 0 ? one : other, 100, scope)).Lease);
        }

        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(one, 0, scope)).RefusedBy);
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(other, 0, scope)).RefusedBy);
        var level = (await TakeFromAsync(other, 0, new LimitScope("team:a", 10, 1000, null))).Requests!.Value;
        Assert.Equal(5, level.Remaining);
    }

    [Fact]
    public async Task PlacesOfADeadNode_FreeThemselves()
    {
        var lease = TimeSpan.FromMilliseconds(600);
        var dead = CreateNode(lease);
        var living = CreateNode(lease);
        var scope = new LimitScope("team:a", null, null, 2);
        await TakeFromAsync(dead, 0, scope);
        await TakeFromAsync(living, 0, scope);
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(living, 0, scope)).RefusedBy);

        // It stops renewing, and says nothing.
        await dead.DisposeAsync();

        var waited = await Eventually.TrueAsync(
            async () => (await TakeFromAsync(living, 0, scope)).Lease is not null, Patience, "the dead node's place");
        Assert.InRange(waited, lease / 4, Patience);

        // The living node's first request still counts after several times the length of a lease.
        var startedAt = TimeProvider.System.GetTimestamp();
        await Eventually.TrueAsync(
            async () =>
            {
                Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(living, 0, scope)).RefusedBy);
                return TimeProvider.System.GetElapsedTime(startedAt) > lease * 3;
            },
            Patience,
            "time to pass");
    }

    [Fact]
    public async Task RequestsInFlight_AreWrittenAnewAfterRedisLostThem()
    {
        await using var server = await RedisServer.StartNewAsync();
        var store = CreateNode(TimeSpan.FromMilliseconds(600), server);
        var scope = new LimitScope("team:a", null, null, 1);
        var lease = (await TakeFromAsync(store, 0, scope)).Lease!;

        await server.SendAsync("FLUSHALL");

        await Eventually.TrueAsync(
            async () => await server.SendAsync($"ZCARD {_prefix}limit:{{a}}:team:a:flying") == ":1", Patience, "the renewal");
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(store, 0, scope)).RefusedBy);
        await lease.ReturnAsync(null);
        Assert.NotNull((await TakeFromAsync(store, 0, scope)).Lease);
    }

    [Fact]
    public async Task Keys_ExpireAndShareASlot()
    {
        var store = CreateNode();
        await TakeFromAsync(store, 10, new LimitScope("team:a", 60, 600, 5), new LimitScope("key:a/ci", 60, 600, 5));

        foreach (var key in (string[])["team:a", "team:a:flying", "key:a/ci", "key:a/ci:flying"])
        {
            var left = await _server.SendAsync($"PTTL {_prefix}limit:{{a}}:{key}");
            Assert.InRange(long.Parse(left.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture), 1, 300_000);
        }
    }

    [Fact]
    public async Task LargestLimits_AreExactInLua()
    {
        var scope = new LimitScope("team:a", int.MaxValue, int.MaxValue, null);
        var result = await TakeFromAsync(CreateNode(), long.MaxValue, scope);

        Assert.Equal(int.MaxValue - 1, result.Requests!.Value.Remaining);
        Assert.Equal(0, result.Tokens!.Value.Remaining);
        Assert.Equal(60_000, result.Tokens.Value.Reset.TotalMilliseconds);
        await result.Lease!.ReturnAsync(long.MaxValue);
        Assert.Equal(LimitKind.Tokens, (await TakeFromAsync(CreateNode(), 0, scope)).RefusedBy);
    }

    private protected override ILimitStore Create() => CreateNode();

    private protected override Task PassAsync(TimeSpan time) => Task.Delay(time, TestContext.Current.CancellationToken);

    private RedisLimitStore CreateNode(TimeSpan? lease = null, RedisServer? server = null)
    {
        var link = new RedisLink(
            ConfigurationOptions.Parse((server ?? _server).Configuration),
            _prefix,
            TimeSpan.FromSeconds(5),
            TimeProvider.System,
            NullLogger<RedisLink>.Instance);
        var store = new RedisLimitStore(link, _prefix, TimeProvider.System, lease);
        _owned.Add(link);
        _owned.Add(store);
        return store;
    }
}
