using Gateway.Limits;
using Gateway.Teams;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>The promises of <see cref="LimitStoreTests"/> in a real Redis, and those about nodes that share it.</summary>
public sealed class RedisLimitStoreTests(SharedRedis redis) : LimitStoreTests, IAsyncLifetime
{
    /// <summary>Longer than any test takes: Redis' clock runs on, and the clock of the renewals moves only where a test moves it.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private readonly string _prefix = redis.NewPrefix();
    private readonly FakeTimeProvider _time = new();
    private readonly List<IAsyncDisposable> _owned = [];
    private TimeSpan _drained;
    private RedisServer _server = null!;
    private ConnectionMultiplexer _connection = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await redis.GetAsync();
        _connection = await ConnectionMultiplexer.ConnectAsync(_server.PatientConfiguration);
        _owned.Add(_connection);
    }

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
        var start = await NowAsync();
        for (var i = 0; i < 4; i++)
        {
            Assert.NotNull((await TakeFromAsync(i % 2 == 0 ? one : other, 100, scope)).Lease);
        }

        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(one, 0, scope)).RefusedBy);
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(other, 0, scope)).RefusedBy);
        var level = (await TakeFromAsync(other, 0, new LimitScope("team:a", 10, 1000, null))).Requests!.Value;
        Assert.InRange(level.Remaining, 5, 5 + Refill(10, await NowAsync() - start));
    }

    /// <summary>
    /// Expiry goes by Redis' clock, which cannot be moved: the test takes time away from the leases instead. Renewal goes by the node's
    /// clock, which is the test's.
    /// </summary>
    [Fact]
    public async Task PlacesOfADeadNode_FreeThemselves()
    {
        var (dead, living) = (CreateNode(), CreateNode());
        var scope = new LimitScope("team:a", null, null, 2);
        await TakeFromAsync(dead, 0, scope);
        await TakeFromAsync(living, 0, scope);
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(living, 0, scope)).RefusedBy);

        // It stops renewing, and says nothing.
        await dead.DisposeAsync();
        await AgeAsync(Lease * 2 / 3);
        await RenewAsync(1);
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(living, 0, scope)).RefusedBy);
        await AgeAsync(Lease * 2 / 3);
        Assert.NotNull((await TakeFromAsync(living, 0, scope)).Lease);

        // Both requests of the living node still count after several times the length of a lease.
        for (var i = 0; i < 5; i++)
        {
            await RenewAsync(2);
            Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(living, 0, scope)).RefusedBy);
            await AgeAsync(Lease * 2 / 3);
        }

        // Lets the living node's timer fire, and waits until so many leases have all of their time again.
        async Task RenewAsync(int count)
        {
            _time.Advance(Lease / 3);
            await Eventually.TrueAsync(
                async () =>
                {
                    var whole = (await NowAsync() + (Lease * 5 / 6)).TotalMilliseconds;
                    return (await LeasesAsync()).Count(entry => entry.Score > whole) == count;
                },
                "the renewal");
        }

        async Task AgeAsync(TimeSpan time)
        {
            foreach (var entry in await LeasesAsync())
            {
                await Database.SortedSetDecrementAsync(Flying, entry.Element, time.TotalMilliseconds);
            }
        }

        Task<SortedSetEntry[]> LeasesAsync() => Database.SortedSetRangeByRankWithScoresAsync(Flying);
    }

    [Fact]
    public async Task RequestsInFlight_AreWrittenAnewAfterRedisLostThem()
    {
        await using var server = await RedisServer.StartNewAsync();
        var store = CreateNode(server: server);
        var scope = new LimitScope("team:a", null, null, 1);
        var lease = (await TakeFromAsync(store, 0, scope)).Lease!;

        await server.SendAsync("FLUSHALL");

        _time.Advance(Lease / 3);
        await Eventually.TrueAsync(async () => await server.SendAsync($"ZCARD {Flying}") == ":1", "the renewal");
        Assert.Equal(LimitKind.Concurrency, (await TakeFromAsync(store, 0, scope)).RefusedBy);
        await lease.ReturnAsync(null);
        Assert.NotNull((await TakeFromAsync(store, 0, scope)).Lease);
    }

    [Fact]
    public async Task Keys_ExpireAndShareASlot()
    {
        var store = CreateNode(RedisLimitStore.DefaultLeaseTime);
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

    /// <summary>The end of a lease that Redis does not take is kept for the next renewal.</summary>
    [Fact]
    public async Task PlaceThatCannotBeGivenBack_IsGivenBackLater()
    {
        await using var server = await RedisServer.StartNewAsync();
        var store = CreateNode(server: server);
        var lease = (await store.EnterAsync([new LimitScope("team:a", null, null, 3)])).Lease!;
        await server.SendAsync("ACL SETUSER default -eval -evalsha");

        await lease.ReturnAsync(null);
        Assert.Equal(":1", await server.SendAsync("ZCARD " + Flying));
        await server.SendAsync("ACL SETUSER default +eval +evalsha");

        await _time.AdvanceUntilAsync(
            RedisLimitStore.DefaultLeaseTime / 3, async () => await server.SendAsync("ZCARD " + Flying) == ":0", "the place");
    }

    private protected override async Task<TimeSpan> NowAsync() =>
        await _connection.GetServer(_connection.GetEndPoints()[0]).TimeAsync() - DateTime.UnixEpoch + _drained;

    private protected override async Task PassAsync(TimeSpan time)
    {
        var end = await NowAsync() + time;
        await Eventually.TrueAsync(async () => await NowAsync() >= end, "Redis' clock");
    }

    /// <summary>Redis' clock cannot be moved: the times of the buckets go back instead.</summary>
    private protected override async Task DrainAsync(string holder, TimeSpan time)
    {
        _drained += time;
        _time.Advance(time);
        var hash = $"{_prefix}limit:{{a}}:{holder}";
        foreach (var name in (string[])["ra", "ta"])
        {
            if (await Database.HashExistsAsync(hash, name))
            {
                await Database.HashDecrementAsync(hash, name, (long)time.TotalMilliseconds);
            }
        }
    }

    private string Flying => _prefix + "limit:{a}:team:a:flying";

    private IDatabase Database => _connection.GetDatabase();

    private RedisLimitStore CreateNode(TimeSpan? lease = null, RedisServer? server = null)
    {
        var link = new RedisLink(
            ConfigurationOptions.Parse((server ?? _server).PatientConfiguration),
            _prefix,
            HangGuard.Limit,
            TimeProvider.System,
            NullLogger<RedisLink>.Instance);
        var store = new RedisLimitStore(link, _prefix, _time, lease ?? Lease);
        _owned.Add(link);
        _owned.Add(store);
        return store;
    }
}
