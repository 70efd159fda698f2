using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.OpenRouter;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Workers;

namespace Gateway.Settlement;

/// <summary>
/// Compares, every ten minutes and after a reload, what OpenRouter says that a key has used with what the ledger says of the key's teams:
/// money that goes past the ledger. The drift counts from the first turn that has seen the key. Each turn adds what has been used since the
/// turn before, less the costs since then of the teams that had the key in the turn before. So a team that is removed, renamed or given
/// another key leaves no drift behind. The figures of the last turn are kept in the ledger, so that a restart changes nothing. Calls in
/// flight and rows without a bill show as drift.
/// </summary>
internal sealed class DriftWorker : Worker
{
    internal static readonly TimeSpan TurnPeriod = TimeSpan.FromMinutes(10);

    private const int MarkBytes = 6;
    private const double PicoPerUsd = 1e12;

    private readonly ILedgerStore _store;
    private readonly LedgerWriter _ledger;
    private readonly SettingsStore _settings;
    private readonly IOpenRouterClient _upstream;
    private readonly UpstreamDrift _drift;

    public DriftWorker(
        ILedgerStore store,
        LedgerWriter ledger,
        SettingsStore settings,
        IOpenRouterClient upstream,
        UpstreamDrift drift,
        WorkerHealth health,
        TimeProvider time,
        ILogger<DriftWorker> logger)
        : base("drift", TurnPeriod, health, time, logger)
    {
        _store = store;
        _ledger = ledger;
        _settings = settings;
        _upstream = upstream;
        _drift = drift;
        settings.Changed += OnChanged;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _settings.Changed -= OnChanged;
        base.Dispose();
    }

    /// <summary>The name of a key in metrics: the beginning of its SHA-256.</summary>
    internal static string MarkOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, MarkBytes));

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        // The ledger is not open without teams.
        if (!_ledger.IsOpen)
        {
            return;
        }

        var keys = _settings.Current.Teams.Teams.GroupBy(team => MarkOf(team.UpstreamKey.Reveal()), StringComparer.Ordinal).ToList();
        _drift.Keep(keys.Select(key => key.Key).ToHashSet(StringComparer.Ordinal));
        foreach (var key in keys)
        {
            await CompareAsync(key.Key, [.. key], cancellationToken);
        }
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    private async Task CompareAsync(string mark, IReadOnlyList<Team> teams, CancellationToken cancellationToken)
    {
        // A key that does not answer, such as a revoked one, keeps its last drift. Like a bill, only the key's own account has its usage.
        var answer = await _upstream.GetBillAsync("key", teams[0].UpstreamKey, servedBy: null, ReadUsage, cancellationToken);
        if (answer.Value is not { } used)
        {
            return;
        }

        var name = $"drift:{mark}";
        var before = DriftFigures.Read(await _store.ReadValueAsync(name, cancellationToken));
        var drift = before is null ? PicoDollars.Zero : before.Drift + (used.Amount - before.Used);
        var costs = new Dictionary<string, PicoDollars>(StringComparer.Ordinal);
        foreach (var team in teams)
        {
            costs[team.Id] = await _store.ReadCostsAsync(team.Id, cancellationToken);
        }

        foreach (var (team, cost) in before?.Costs ?? [])
        {
            // The same figure is subtracted here and kept for the next turn.
            drift -= (costs.TryGetValue(team, out var now) ? now : await _store.ReadCostsAsync(team, cancellationToken)) - cost;
        }

        await _store.WriteValueAsync(name, new DriftFigures(used.Amount, drift, costs).ToText(), cancellationToken);
        _drift.Set(mark, (double)drift.Value / PicoPerUsd);
    }

    private void OnChanged(SettingsSnapshot snapshot) => WakeAfterBackOff();

    private static UsedAmount? ReadUsage(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return JsonMembers.TryGet(document.RootElement, "data"u8, out var data)
                && JsonMembers.TryGet(data, "usage"u8, out var usage)
                && JsonMembers.Money(usage) is { } amount ? new UsedAmount(amount) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record UsedAmount(PicoDollars Amount);
}
