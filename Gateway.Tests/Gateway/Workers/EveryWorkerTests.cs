using System.Diagnostics.Metrics;
using Gateway.Alerts;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Hosting;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Limits;
using Gateway.Observability;
using Gateway.Prices;
using Gateway.Settlement;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Gateway.Limits;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>Promise: no exception of a worker's dependency ends the worker; it shows as failing until a turn succeeds.</summary>
public sealed class EveryWorkerTests : IAsyncDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly FakeTimeProvider _time = new(Now);
    private readonly WorkerHealth _health = new();
    private readonly List<IDisposable> _owned = [];
    private readonly List<IAsyncDisposable> _asyncOwned = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var one in Enumerable.Reverse(_owned))
        {
            one.Dispose();
        }

        foreach (var one in Enumerable.Reverse(_asyncOwned))
        {
            await one.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Prices(string kind)
    {
        var settings = await SettingsAsync();
        var upstream = new ThrowingOpenRouterClient("""{"data":[{"id":"m","pricing":{"prompt":"1","completion":"1"}}]}""")
        {
            Fault = () => FailureKinds.Create(kind),
        };
        var store = new PriceListStore(_time);
        var worker = Own(new PriceListRefresher(
            settings,
            upstream,
            store,
            new PriceListFile(settings, _folder.Sources(), NullLogger<PriceListFile>.Instance),
            _health,
            _time,
            NullLogger<PriceListRefresher>.Instance));

        await AssertSurvivesAsync(worker, () => upstream.Fault = null);

        Assert.True(store.HasList);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Settlement_WhenTheLedgerThrows(string kind)
    {
        var (store, writer) = await LedgerAsync();
        store.Fault = () => FailureKinds.Create(kind);
        var worker = await SettlementAsync(store, writer, new ThrowingOpenRouterClient("{}"));

        await AssertSurvivesAsync(worker, () => store.Fault = null);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Settlement_WhenUpstreamThrows(string kind)
    {
        var (store, writer) = await LedgerAsync();
        var id = NewId();
        await writer.WriteAsync(Began(id));
        await writer.WriteAsync(Provisional(id) with { GenerationId = "gen-1" });
        var upstream = new ThrowingOpenRouterClient("""{"data":{"total_cost":0.5}}""") { Fault = () => FailureKinds.Create(kind) };
        var worker = await SettlementAsync(store, writer, upstream);

        // The row is leased for a while, so a second turn has nothing to fail at.
        await AssertSurvivesAsync(
            worker,
            () =>
            {
                upstream.Fault = null;
                _time.Advance(SettlementWorker.Lease);
            },
            wakes: false);

        // The settled row is written after the turn.
        await Eventually.InStepsAsync(
            async () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return !(await store.ReadChargesAsync([id], Cancel))[id].IsOpen;
            },
            "the bill");
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task LedgerOpening(string kind)
    {
        var settings = await SettingsAsync(""", "Usage": { "Store": "Postgres", "Postgres": { "ConnectionString": "Host=h" } }""");
        var store = new ThrowingLedgerStore(new SqliteLedgerStore(Path.Combine(_folder.Path, "usage.db")));
        var writer = new LedgerWriter(store, _time, NullLogger<LedgerWriter>.Instance);
        _asyncOwned.Add(writer);
        var worker = Own(new LedgerOpening(writer, settings, _health, _time, NullLogger<LedgerOpening>.Instance));

        // The start is the first attempt, which may fail.
        var isFirst = true;
        store.Fault = () =>
        {
            Exception fault = isFirst ? new LedgerException("marked") : FailureKinds.Create(kind);
            isFirst = false;
            return fault;
        };

        await AssertSurvivesAsync(worker, () => store.Fault = null);

        Assert.True(writer.IsOpen);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Drift(string kind)
    {
        var (store, writer) = await LedgerAsync();
        var upstream = new ThrowingOpenRouterClient("""{"data":{"usage":0.5}}""") { Fault = () => FailureKinds.Create(kind) };
        var drift = new UpstreamDrift();
        var worker = Own(new DriftWorker(
            store, writer, await SettingsAsync(), upstream, drift, _health, _time, NullLogger<DriftWorker>.Instance));

        await AssertSurvivesAsync(worker, () => upstream.Fault = null);

        Assert.Single(drift.Usd);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task BudgetLevels(string kind)
    {
        var (_, writer) = await LedgerAsync();
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = services.GetRequiredService<IMeterFactory>();
        using var metrics = new GatewayMetrics(meters);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, listener) =>
        {
            // Not those of the tests that run beside this one.
            if (ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.Start();
        var levels = new BudgetLevels();
        var budgets = new ThrowingBudgetPreview { Fault = () => FailureKinds.Create(kind) };
        var worker = Own(new BudgetLevelWorker(
            await SettingsAsync(", \"TeamDefaults\": { \"Budget\": { \"Usd\": 1 } }"), writer, budgets, levels, metrics, _health, _time, NullLogger<BudgetLevelWorker>.Instance));

        await AssertSurvivesAsync(worker, () => budgets.Fault = null);

        var level = Assert.Single(levels.Current);
        Assert.Equal((7, 3), (level.Spent.Value, level.Reserved.Value));
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Alerts(string kind)
    {
        var (store, writer) = await LedgerAsync();
        await using var services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();
        using var client = new AlertClient(_time);
        var settings = await AlertSettingsAsync();
        using var poster = new AlertPoster(
            settings, writer, store, client, services.GetRequiredService<GatewayMetrics>(), new WorkerHealth(), _time, NullLogger<AlertPoster>.Instance);
        var budgets = new ThrowingBudgetPreview { Fault = () => FailureKinds.Create(kind) };
        var worker = Own(new AlertRaiser(
            settings, writer, store, budgets, new AlertSignals(), poster, _health, _time, NullLogger<AlertRaiser>.Instance));

        await AssertSurvivesAsync(worker, () => budgets.Fault = null);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task AlertPosts(string kind)
    {
        var (store, writer) = await LedgerAsync();
        store.Fault = () => FailureKinds.Create(kind);
        await using var services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();
        using var client = new AlertClient(_time);
        var worker = Own(new AlertPoster(
            await AlertSettingsAsync(), writer, store, client, services.GetRequiredService<GatewayMetrics>(), _health, _time, NullLogger<AlertPoster>.Instance));

        await AssertSurvivesAsync(worker, () => store.Fault = null);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Retention(string kind)
    {
        var (store, writer) = await LedgerAsync();
        store.Fault = () => FailureKinds.Create(kind);
        var worker = Own(new LedgerMaintenance(
            store, writer, () => TimeSpan.FromDays(400), _health, _time, NullLogger<LedgerMaintenance>.Instance));

        await AssertSurvivesAsync(worker, () => store.Fault = null);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Budgets(string kind)
    {
        var (store, writer) = await LedgerAsync();
        store.Fault = () => FailureKinds.Create(kind);

        // No call goes to Redis: nothing is known of any budget.
        var link = new RedisLink(
            ConfigurationOptions.Parse("127.0.0.1:1"), "ogw:", TimeSpan.FromSeconds(1), TimeProvider.System, NullLogger<RedisLink>.Instance);
        _asyncOwned.Add(link);
        var worker = Own(new BudgetReconciler(
            new RedisBudgetStore(link, "ogw:", new LedgerAccess(writer, store, _time), TestTerms.Create(_time), _time), link, store, TestTerms.Create(_time), _health, _time, NullLogger<BudgetReconciler>.Instance));

        await AssertSurvivesAsync(worker, () => store.Fault = null);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Certificates(string kind)
    {
        var pair = TestCertificate.Create();
        var (certificate, key) = (_folder.Write("cert.pem", pair.CertificatePem), _folder.Write("key.pem", pair.KeyPem));
        var settings = await SettingsAsync($$""", "Server": { "Https": true, "CertPath": "{{certificate}}", "KeyPath": "{{key}}" }""");
        Func<Exception>? fault = null;
        var worker = Own(new TlsCertificateStore(
            settings,
            (certificate, key) => fault is null ? TlsCertificate.Load(certificate, key) : throw fault(),
            _health,
            _time,
            NullLogger<TlsCertificateStore>.Instance));
        var before = await worker.OptionsAsync();
        fault = () => FailureKinds.Create(kind);
        _folder.Write("cert.pem", pair.CertificatePem + "\n");

        await AssertSurvivesAsync(worker, () => fault = null);

        Assert.NotSame(before, await worker.OptionsAsync());
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task Settings(string kind)
    {
        var settings = await SettingsAsync();
        var sources = _folder.Sources();
        var worker = Own(new SettingsWatcher(
            sources, SettingsFiles.Read(sources), _folder.Loader, settings, _health, _time, NullLogger<SettingsWatcher>.Instance));
        Exception? fault = FailureKinds.Create(kind);
        settings.Changed += _ =>
        {
            if (fault is not null)
            {
                throw fault;
            }
        };
        WriteSettings(""", "Server": { "MaxRequestBodySize": 7 }""");

        // The change is noted before it is acted upon, so a second look has nothing to fail at.
        await AssertSurvivesAsync(worker, () => fault = null, wakes: false);

        Assert.Equal(7, settings.Current.Settings.Server.MaxRequestBodySize);
    }

    private async Task AssertSurvivesAsync(Worker worker, Action repair, bool wakes = true)
    {
        var state = Assert.Single(_health.Workers);
        await worker.StartAsync(Cancel);
        if (wakes)
        {
            // Some begin with a delay.
            worker.Wake();
        }

        await Eventually.TrueAsync(() => Task.FromResult(state.IsFailing), "a failed turn");
        Assert.False(worker.ExecuteTask!.IsCompleted);

        repair();
        worker.Wake();
        await Eventually.TrueAsync(() => Task.FromResult(!state.IsFailing), "the next turn");

        Assert.False(worker.ExecuteTask!.IsCompleted);
        await worker.StopAsync(Cancel);
        Assert.True(worker.ExecuteTask!.IsCompletedSuccessfully);
    }

    private async Task<(ThrowingLedgerStore Store, LedgerWriter Writer)> LedgerAsync()
    {
        var store = new ThrowingLedgerStore(new SqliteLedgerStore(Path.Combine(_folder.Path, "usage.db")));
        var writer = new LedgerWriter(store, _time, NullLogger<LedgerWriter>.Instance);
        _asyncOwned.Add(writer);
        await writer.EnsureOpenAsync(Cancel);
        return (store, writer);
    }

    private async Task<SettlementWorker> SettlementAsync(
        ThrowingLedgerStore store, LedgerWriter writer, ThrowingOpenRouterClient upstream)
    {
        var services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();
        _owned.Add(services);
        return Own(new SettlementWorker(
            store,
            writer,
            new MemoryBudgetStore((key, recent) => store.ReadChargesAsync(key.Team, key.KeyLabel, key.Start, recent, DateTimeOffset.MinValue, Cancel), _time),
            new MemoryLimitStore(_time),
            await SettingsAsync(),
            upstream,
            new PriceListStore(_time),
            services.GetRequiredService<GatewayMetrics>(),
            _health,
            _time,
            NullLogger<SettlementWorker>.Instance));
    }

    private void WriteSettings(string more = "") =>
        _folder.Write("appsettings.json", SettingsFolder.Json($"\"Teams\": [ {TeamSetup.Team(reference: "env:UPSTREAM")} ]{more}"));

    private async Task<SettingsStore> SettingsAsync(string more = "")
    {
        _folder.Variables["UPSTREAM"] = TeamSetup.UpstreamKey;
        WriteSettings(more);
        return Own(new SettingsStore(await _folder.LoadGoodAsync(), _time, NullLogger<SettingsStore>.Instance));
    }

    private Task<SettingsStore> AlertSettingsAsync()
    {
        _folder.Variables["HOOK"] = "http://127.0.0.1:9/hook";
        return SettingsAsync(""", "TeamDefaults": { "Budget": { "Usd": 1 } }, "Alerts": { "Webhook": "env:HOOK" }""");
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }
}
