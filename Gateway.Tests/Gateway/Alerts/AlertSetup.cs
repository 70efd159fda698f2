using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>
/// Settings with the teams <c>search</c> and <c>ads</c>, each with a budget of 10 US dollars a day, a receiver, a clock, and nodes on one SQLite
/// ledger.
/// </summary>
internal sealed class AlertSetup : IAsyncDisposable
{
    public const string Secret = "CANARY-secret-92d3";
    public const string UpstreamKey = "sk-or-v1-CANARY-key-7e0a";

    private readonly SettingsFolder _folder = new();
    private readonly List<AlertNode> _nodes = [];
    private SettingsStore? _settings;

    private AlertSetup(AlertReceiver receiver) => Receiver = receiver;

    public static DateTimeOffset Noon { get; } = new(2026, 3, 14, 12, 0, 0, TimeSpan.Zero);

    public AlertReceiver Receiver { get; }

    public FakeTimeProvider Time { get; } = new(Noon);

    /// <summary>
    /// The clock of the posts, whose time limit must not depend on how fast a test lets the other clock run.
    /// </summary>
    public FakeTimeProvider PostTime { get; } = new(Noon);

    public SetBudgets Budgets { get; } = new();

    public CollectedLogs Logs { get; } = new();

    public SettingsStore Settings => _settings!;

    public UpstreamKey Key { get; } = new(UpstreamKey, "env:UPSTREAM");

    public string Database => Path.Combine(_folder.Path, "usage.db");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="alerts">More members of section <c>Alerts</c>, behind a comma.</param>
    /// <param name="search">More members of team <c>search</c>.</param>
    /// <param name="hasWebhook">Whether there is a general webhook.</param>
    /// <param name="keyMore">More members of the key of team <c>search</c>, behind a comma.</param>
    public static async Task<AlertSetup> CreateAsync(string alerts = "", string search = "", bool hasWebhook = true, string keyMore = "")
    {
        var setup = new AlertSetup(await AlertReceiver.StartAsync());
        setup._folder.Variables["UPSTREAM"] = UpstreamKey;
        setup._folder.Variables["SECRET"] = Secret;
        setup._folder.Variables["HOOK"] = setup.Receiver.Url();
        setup._folder.Variables["OWN"] = setup.Receiver.Url("/own");
        setup.Write(alerts, search, hasWebhook, keyMore);
        setup._settings = new SettingsStore(await setup._folder.LoadGoodAsync(), setup.Time, NullLogger<SettingsStore>.Instance);
        return setup;
    }

    /// <summary>Sets a variable, such as the URL of a webhook, for the next load.</summary>
    public void Variable(string name, string value) => _folder.Variables[name] = value;

    /// <summary>Puts other settings in force.</summary>
    public async Task ReloadAsync(string alerts = "", string search = "", bool hasWebhook = true)
    {
        Write(alerts, search, hasWebhook);
        await Settings.PublishAsync(await _folder.LoadGoodAsync(), Cancel);
    }

    public async Task<AlertNode> StartNodeAsync(ILedgerStore? store = null)
    {
        var node = await AlertNode.StartAsync(store ?? new SqliteLedgerStore(Database), Settings, Budgets, Time, PostTime, Logs);
        _nodes.Add(node);
        return node;
    }

    /// <summary>The budget of a team in the current period.</summary>
    public BudgetKey BudgetOf(string team, BudgetPeriod period = BudgetPeriod.Day) => BudgetKey.At(team, period, Time.GetUtcNow());

    public void Spend(string team, decimal usd, decimal reserved = 0) => Budgets.Spend(BudgetOf(team), usd, reserved);

    /// <summary>Reports a refusal, as a request does.</summary>
    public void Refuse(AlertNode node, string team, bool isRefused = true) => node.Signals.BudgetExceeded(
        Settings.Current, BudgetOf(team), Usd(10), Usd(9.99m), isRefused, Time.GetUtcNow());

    /// <summary>Reports a rejected key, as a request does.</summary>
    public void Reject(AlertNode node, string team, UpstreamKey? key = null, int status = 401) =>
        node.Signals.KeyRejected(Settings.Current, team, key ?? Key, status, Time.GetUtcNow());

    /// <summary>Runs turns of the workers until there are so many posts. The clock all but stands still.</summary>
    public async Task<IReadOnlyList<AlertReceiver.Post>> PostsAsync(int count)
    {
        await UntilAsync(() => Receiver.Posts.Count >= count, $"{count} posts");
        Assert.Equal(count, Receiver.Posts.Count);
        return Receiver.Posts;
    }

    /// <summary>Runs turns of the workers until so many posts have had an outcome.</summary>
    public Task OutcomesAsync(string outcome, int count) =>
        UntilAsync(() => _nodes.Sum(node => node.Outcomes.Count(one => one == outcome)) >= count, $"{count} times {outcome}");

    /// <summary>Runs turns of the workers until it is so.</summary>
    public Task UntilAsync(Func<bool> condition, string what) => Eventually.InStepsAsync(
        () =>
        {
            // An alert that has found its receiver busy is due a millisecond later.
            Time.Advance(TimeSpan.FromMilliseconds(1));
            foreach (var node in _nodes)
            {
                node.Wake();
            }

            return condition();
        },
        what);

    public static PicoDollars Usd(decimal usd) => new((Int128)(usd * 1_000_000_000_000));

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await Receiver.DisposeAsync();
        _settings?.Dispose();
        _folder.Dispose();

        // Of every kind.
        Assert.DoesNotContain(
            Logs.Lines,
            line => $"{line.Message} {line.Exception}".Contains("CANARY", StringComparison.Ordinal));
    }

    private void Write(string alerts, string search, bool hasWebhook, string keyMore = "")
    {
        const string Budget = "\"Budget\": { \"Usd\": 10, \"Period\": \"Day\" }";
        string[] teams =
        [
            TeamSetup.Team(search.Contains("\"Budget\"", StringComparison.Ordinal) ? search : Budget + (search.Length > 0 ? ", " + search : ""), keyMore: keyMore, reference: "env:UPSTREAM"),
            TeamSetup.Team(Budget, id: "ads", key: "ogw-ads", reference: "env:UPSTREAM"),
        ];
        var webhook = hasWebhook ? "\"Webhook\": \"env:HOOK\"" : "\"Format\": \"Json\"";
        _folder.Write(
            "appsettings.json",
            SettingsFolder.Json($"\"Teams\": [ {string.Join(", ", teams)} ], \"Alerts\": {{ {webhook}{alerts} }}"));
    }
}
