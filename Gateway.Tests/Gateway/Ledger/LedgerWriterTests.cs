using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

public sealed class LedgerWriterTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CollectedLogs _logs = new();
    private readonly FakeTimeProvider _time = new(Now);
    private readonly TestableStore _store;
    private readonly LedgerWriter _writer;

    public LedgerWriterTests()
    {
        _store = new TestableStore(new SqliteLedgerStore(_folder.File("data/usage.db")));
        _writer = new LedgerWriter(_store, _time, LoggerFactory.Create(logging => logging.AddProvider(_logs)).CreateLogger<LedgerWriter>());
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task WithoutEntries_NoFileIsMade()
    {
        await _writer.StartAsync(Cancel);
        await _writer.StopAsync(Cancel);
        Assert.False(Directory.Exists(_folder.File("data")));
        Assert.False(_writer.IsOpen);
    }

    [Fact]
    public async Task AwaitedEntry_IsSeenByAnotherConnectionAtOnce()
    {
        await using var other = new SqliteLedgerStore(_folder.File("data/usage.db"));
        await other.OpenAsync(Cancel);
        for (var i = 0; i < 20; i++)
        {
            var id = NewId();
            await _writer.WriteAsync(Began(id));
            Assert.Single(await other.ReadChargesAsync([id], Cancel));
        }
    }

    [Fact]
    public async Task ConcurrentWriters_ShareCommits()
    {
        await _writer.WriteAsync(Began(NewId()));
        _store.Gate = new TaskCompletionSource();
        var first = _writer.WriteAsync(Began(NewId())).AsTask();
        await Eventually.TrueAsync(() => _store.Attempts == 2, "the writer to be at work");
        var others = Enumerable.Range(0, 400).Select(_ => _writer.WriteAsync(Began(NewId())).AsTask()).ToArray();
        Assert.Equal(400, _writer.QueueLength);
        _store.Gate.SetResult();
        await Task.WhenAll([first, .. others]).GuardAsync();
        Assert.Equal(3, _writer.Commits);
        Assert.Equal(402, _store.Applied.Count);
        Assert.Equal(0, _writer.QueueLength);
    }

    [Fact]
    public async Task ManyTasks_EachFindsItsEntriesWritten()
    {
        var ids = new List<Guid>();
        await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(
            async () =>
            {
                for (var i = 0; i < 50; i++)
                {
                    var id = NewId();
                    await _writer.WriteAsync(Began(id));
                    await _writer.WriteAsync(new LedgerEntry.Named(id, "gen-" + id));
                    _writer.Post(Settled(id, 1));
                    lock (ids)
                    {
                        ids.Add(id);
                    }
                }
            },
            Cancel)));
        await _writer.StopAsync(Cancel);
        var rows = await _store.ReadChargesAsync(ids, Cancel);
        Assert.Equal(1600, rows.Count);
        Assert.All(rows.Values, row => Assert.False(row.IsOpen));
    }

    [Fact]
    public async Task Continuations_RunOnThePool()
    {
        for (var i = 0; i < 10; i++)
        {
            Assert.True(await Task.Run(
                async () =>
                {
                    await _writer.WriteAsync(Began(NewId()));
                    return Thread.CurrentThread.IsThreadPoolThread;
                },
                Cancel));
        }
    }

    [Fact]
    public async Task PostedEntry_IsWrittenWithoutAnybodyWaiting()
    {
        var id = NewId();
        _writer.Post(Began(id));
        _time.Advance(TimeSpan.FromMilliseconds(20));
        await Eventually.TrueAsync(() => _writer.Commits == 1, "the entry to be written");
        Assert.Single(await _store.ReadChargesAsync([id], Cancel));
    }

    [Fact]
    public async Task FailingStore_FailsWhoWaits_KeepsTheOthersInOrder()
    {
        await _writer.WriteAsync(Began(NewId()));
        _store.IsFailing = true;
        var ids = Enumerable.Range(0, 1000).Select(_ => NewId()).ToArray();
        foreach (var id in ids)
        {
            _writer.Post(Began(id));
            _writer.Post(Settled(id, 5));
        }

        var refused = NewId();
        await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(refused)).AsTask().GuardAsync());
        Assert.False(_writer.IsHealthy);
        Assert.Equal(2000, _writer.QueueLength);

        // Until the timer fires, the store is not called.
        var attempts = _store.Attempts;
        await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(refused)).AsTask());
        _writer.Post(Settled(refused, 1));
        Assert.Equal(attempts, _store.Attempts);

        for (var i = 0; i < 5; i++)
        {
            var failures = _writer.Failures;
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.TrueAsync(() => _writer.Failures > failures, "another attempt");
        }

        _store.Applied.Clear();
        _store.IsFailing = false;
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(
            () => _writer.QueueLength == 0 && _writer.IsHealthy, "the store to work again");
        await _writer.WriteAsync(Began(NewId()));
        Assert.Equal(
            ids.SelectMany(id => new[] { (id, typeof(LedgerEntry.Began)), (id, typeof(LedgerEntry.Ended)) })
                .Append((refused, typeof(LedgerEntry.Ended))),
            _store.Applied.SkipLast(1).Select(entry => (entry.Id, entry.GetType())));
        Assert.Empty(await _store.ReadChargesAsync([refused], Cancel));
        Assert.Equal(1000, (await _store.ReadChargesAsync(ids, Cancel)).Values.Count(row => !row.IsOpen));

        Assert.Single(_logs.Lines, line => line.Level == LogLevel.Error);
        Assert.Single(
            _logs.Lines, line => line.Level == LogLevel.Information && line.Message.Contains("works again", StringComparison.Ordinal));
        Assert.Equal(0, _writer.Dropped);
    }

    [Fact]
    public async Task FailingStore_KeepsABoundedNumber_AndDropsTheOldest()
    {
        await _writer.WriteAsync(Began(NewId()));
        _store.IsFailing = true;
        var tried = await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(NewId())).AsTask().GuardAsync());
        var refused = await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(NewId())).AsTask().GuardAsync());
        Assert.Equal((false, true), (tried.IsUntried, refused.IsUntried));
        var ids = Enumerable.Range(0, 100_003).Select(_ => Guid.NewGuid()).ToArray();
        foreach (var id in ids)
        {
            _writer.Post(Settled(id, 1));
        }

        Assert.Equal(3, _writer.Dropped);
        Assert.Equal(100_000, _writer.QueueLength);
        Assert.Single(_logs.Lines, line => line.Message.Contains("the oldest are lost", StringComparison.Ordinal));

        _store.Applied.Clear();
        _store.IsFailing = false;
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => _writer.QueueLength == 0, "the queue to be empty");
        await _writer.StopAsync(Cancel);
        Assert.Equal(ids[3..], _store.Applied.Select(entry => entry.Id));
    }

    [Fact]
    public async Task StoreThatCannotBeOpened_IsTried_WheneverItIsNeeded()
    {
        // The path of the folder is taken by a file, until it is not.
        var inTheWay = _folder.Write("data", "");
        await Assert.ThrowsAsync<LedgerException>(() => _writer.EnsureOpenAsync(Cancel));
        await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(NewId())).AsTask().GuardAsync());
        Assert.False(_writer.IsOpen);

        File.Delete(inTheWay);
        _time.Advance(TimeSpan.FromSeconds(1));
        await _writer.WriteAsync(Began(NewId())).AsTask().GuardAsync();
        Assert.True(_writer.IsOpen);
        await _writer.EnsureOpenAsync(Cancel);
    }

    [Fact]
    public async Task Stop_WaitsForWhatIsQueued()
    {
        var ids = Enumerable.Range(0, 2000).Select(_ => NewId()).ToArray();
        foreach (var id in ids)
        {
            _writer.Post(Began(id));
        }

        await _writer.StopAsync(Cancel);
        Assert.Equal(0, _writer.QueueLength);
        Assert.Equal(2000, (await _store.ReadChargesAsync(ids, Cancel)).Count);
    }

    [Fact]
    public async Task Flush_WaitsForWhatIsPosted_ButNotForAStoreThatFails()
    {
        await _writer.WriteAsync(Began(NewId()));
        var id = NewId();
        _writer.Post(Began(id));
        await _writer.FlushAsync().AsTask().GuardAsync();
        Assert.Contains(_store.Applied, entry => entry.Id == id);

        _store.IsFailing = true;
        _writer.Post(Settled(id, 1));
        await _writer.FlushAsync().AsTask().GuardAsync();
        Assert.Equal(1, _writer.QueueLength);
        _store.IsFailing = false;
    }

    [Fact]
    public async Task Dispose_WritesWhatIsLeft_AndTakesNoMore()
    {
        var id = NewId();
        _writer.Post(Began(id));
        await _writer.DisposeAsync();
        await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(NewId())).AsTask());
        await using var store = new SqliteLedgerStore(_folder.File("data/usage.db"));
        await store.OpenAsync(Cancel);
        Assert.Single(await store.ReadChargesAsync([id], Cancel));
    }

    [Fact]
    public async Task Dispose_WhileTheStoreFails_TriesOnceMoreAndSaysWhatIsLost()
    {
        await _writer.WriteAsync(Began(NewId()));
        _store.IsFailing = true;
        await Assert.ThrowsAsync<LedgerException>(() => _writer.WriteAsync(Began(NewId())).AsTask().GuardAsync());
        _writer.Post(Began(NewId()));
        var attempts = _store.Attempts;
        await _writer.DisposeAsync();
        Assert.Equal(attempts + 1, _store.Attempts);
        Assert.Single(_logs.Lines, line => line.Message.Contains("1 entries could not be written", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(30, 30)]
    [InlineData(30, 400)]
    [InlineData(30, 1)]
    public async Task Maintenance_RemovesWhatIsOlderThanTheCurrentRetention(int days, int daysBefore)
    {
        var (old, recent) = (NewId(Now.AddDays(-40)), NewId(Now.AddDays(-10)));
        await _writer.WriteAsync(Began(old, at: Now.AddDays(-40)));
        await _writer.WriteAsync(Settled(old, 5));
        await _writer.WriteAsync(Began(recent, at: Now.AddDays(-10)));
        await _writer.WriteAsync(Settled(recent, 7));
        var retention = TimeSpan.FromDays(daysBefore);
        using var maintenance = new LedgerMaintenance(
            _store, _writer, () => retention, new WorkerHealth(), _time, NullLogger<LedgerMaintenance>.Instance);
        retention = TimeSpan.FromDays(days);
        await maintenance.StartAsync(Cancel);
        await Eventually.InStepsAsync(
            async () =>
            {
                _time.Advance(TimeSpan.FromSeconds(30));
                return (await _store.ReadChargesAsync([old, recent], Cancel)).Keys.SequenceEqual([recent]);
            },
            "the old row to be removed");
        await maintenance.StopAsync(Cancel);
        Assert.Equal(12, (long)(await _store.ReadChargesAsync("search", null, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, DateTimeOffset.MinValue, Cancel)).Charged.Value);
    }

    [Fact]
    public async Task Maintenance_LeavesAClosedLedgerClosed()
    {
        using var maintenance = new LedgerMaintenance(
            _store, _writer, () => TimeSpan.FromDays(400), new WorkerHealth(), _time, NullLogger<LedgerMaintenance>.Instance);
        await maintenance.StartAsync(Cancel);
        _time.Advance(TimeSpan.FromHours(3));
        await maintenance.StopAsync(Cancel);
        Assert.False(Directory.Exists(_folder.File("data")));
    }

    /// <summary>A real store that can be made to wait or to fail, and records the entries that it was given.</summary>
    private sealed class TestableStore(ILedgerStore inner) : ILedgerStore
    {
        private int _attempts;
        private volatile bool _isFailing;

        public List<LedgerEntry> Applied { get; } = [];

        public int Attempts => Volatile.Read(ref _attempts);

        public bool IsFailing
        {
            get => _isFailing;
            set => _isFailing = value;
        }

        public TaskCompletionSource? Gate { get; set; }

        public string LedgerId => inner.LedgerId;

        public IAlertStore Alerts => inner.Alerts;

        public Task OpenAsync(CancellationToken cancellationToken) => inner.OpenAsync(cancellationToken);

        public async Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _attempts);
            if (Gate is { } gate)
            {
                await gate.Task;
            }

            if (IsFailing)
            {
                throw new LedgerException("The disk is gone");
            }

            await inner.ApplyAsync(entries, cancellationToken);
            Applied.AddRange(entries);
        }

        public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
            inner.AdoptOrphansAsync(now, cancellationToken);

        public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
            IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) =>
            inner.TakeDueAsync(teams, now, leasedUntil, max, cancellationToken);

        public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken) =>
            inner.ReadUsageAsync(selection, cancellationToken);

        public Task<TeamCharges> ReadChargesAsync(
        string team, string? keyLabel, DateTimeOffset from, DateTimeOffset recent, DateTimeOffset heldSince, CancellationToken cancellationToken) =>
            inner.ReadChargesAsync(team, keyLabel, from, recent, heldSince, cancellationToken);

        public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
            IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
            inner.ReadChargesAsync(ids, cancellationToken);

        public Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken) =>
            inner.ReadBegunByOthersAsync(after, max, cancellationToken);

        public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken) =>
            inner.ReadUncountedAsync(max, cancellationToken);

        public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken) =>
            inner.ReadUncountedAsync(page, cancellationToken);

        public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
            inner.MarkCountedAsync(ids, cancellationToken);

        public Task<PicoDollars> ReadCostsAsync(string team, CancellationToken cancellationToken) => inner.ReadCostsAsync(team, cancellationToken);

        public Task<IReadOnlyList<UnresolvedRow>> ReadUnresolvedAsync(WriteOffQuery query, CancellationToken cancellationToken) =>
            inner.ReadUnresolvedAsync(query, cancellationToken);

        public Task<IReadOnlyList<UnresolvedRow>> WriteOffAsync(
            WriteOffQuery query, string reason, DateTimeOffset now, CancellationToken cancellationToken) => inner.WriteOffAsync(query, reason, now, cancellationToken);

        public Task<string?> ReadValueAsync(string name, CancellationToken cancellationToken) => inner.ReadValueAsync(name, cancellationToken);

        public Task WriteValueAsync(string name, string value, CancellationToken cancellationToken) => inner.WriteValueAsync(name, value, cancellationToken);

        public Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken) =>
            inner.HasGenerationAsync(team, generationId, cancellationToken);

        public Task<int> RemoveBeforeAsync(DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken) =>
            inner.RemoveBeforeAsync(before, now, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
