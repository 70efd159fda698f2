using System.Text.Json;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.OpenRouter;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Workers;

namespace Gateway.Settlement;

/// <summary>
/// Compares the usage of a key according to OpenRouter with the costs of the key's teams according to the ledger, to find money that goes
/// past the ledger. Runs every ten minutes and after a reload that changes a team's key. The drift counts from the first turn that has seen
/// the key, and starts anew after a time in which a destination had a key of its own. Each turn adds the usage since the turn before, less
/// the costs since then of the teams that had the key in the turn before. So a team that is removed, renamed or given another key leaves no
/// drift behind. The figures of the last turn and the key of each team are kept in the ledger, so that a restart changes nothing. Calls in
/// flight and rows without a bill show as drift.
/// </summary>
internal sealed class DriftWorker : Worker
{
    internal static readonly TimeSpan TurnPeriod = TimeSpan.FromMinutes(10);

    private readonly ILedgerStore _store;
    private readonly LedgerWriter _ledger;
    private readonly SettingsStore _settings;
    private readonly IOpenRouterClient _upstream;
    private readonly UpstreamDrift _drift;

    /// <summary>The key of each team in the ledger, as far as this process has read or written it.</summary>
    private readonly Dictionary<string, string> _keyOf = new(StringComparer.Ordinal);

    private readonly Lock _gate = new();

    /// <summary>The key of each team that is compared under the latest settings.</summary>
    private Dictionary<string, string> _latestKeyOf;

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
        _latestKeyOf = KeysOf(settings.Current);
        settings.Changed += OnChanged;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _settings.Changed -= OnChanged;
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        // The ledger is not open without teams.
        if (!_ledger.IsOpen)
        {
            return;
        }

        var current = _settings.Current;
        var keys = ComparedTeams(current).GroupBy(team => team.UpstreamKey.Mark, StringComparer.Ordinal).ToList();
        _drift.Keep(keys.Select(key => key.Key).ToHashSet(StringComparer.Ordinal));
        if (!current.DestinationKeys.IsEmpty)
        {
            await ForgetAsync(current.Teams.Teams, cancellationToken);
        }

        foreach (var key in keys)
        {
            foreach (var team in key)
            {
                await AssignAsync(team.Id, key.Key, cancellationToken);
            }
        }

        foreach (var key in keys)
        {
            await CompareAsync(current, key.Key, [.. key], cancellationToken);
        }
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    /// <summary>
    /// Removes the figures of the keys that teams have or had. Their next turn is the first one again: the costs until then include calls that
    /// these keys do not pay.
    /// </summary>
    private async Task ForgetAsync(IReadOnlyList<Team> teams, CancellationToken cancellationToken)
    {
        foreach (var team in teams)
        {
            var recorded = await _store.ReadValueAsync(KeyName(team.Id), cancellationToken);
            foreach (var mark in new HashSet<string?> { team.UpstreamKey.Mark, recorded })
            {
                if (mark is not null && await ReadAsync(mark, cancellationToken) is not null)
                {
                    await _store.WriteValueAsync(FiguresName(mark), "", cancellationToken);
                }
            }
        }
    }

    /// <summary>
    /// Records the key of a team. A team that had another key leaves its figures. This needs no answer of either key, so it also holds for
    /// a key without teams and for a revoked one.
    /// </summary>
    private async Task AssignAsync(string team, string mark, CancellationToken cancellationToken)
    {
        _keyOf.TryGetValue(team, out var known);
        if (known == mark)
        {
            return;
        }

        // Another node may have recorded the key already. This one may have compared the old key since then.
        var name = KeyName(team);
        var before = await _store.ReadValueAsync(name, cancellationToken);
        foreach (var old in new HashSet<string?> { known, before })
        {
            if (old is not null && old != mark)
            {
                await LeaveAsync(team, old, cancellationToken);
            }
        }

        if (before != mark)
        {
            if (await ReadAsync(mark, cancellationToken) is { } figures
                && figures.Costs.TryAdd(team, await _store.ReadCostsAsync(team, cancellationToken)))
            {
                await WriteAsync(mark, figures, cancellationToken);
            }

            await _store.WriteValueAsync(name, mark, cancellationToken);
        }

        _keyOf[team] = mark;
    }

    /// <summary>Subtracts the costs of a team so far from the drift of a key. The team's later costs are those of another key.</summary>
    private async Task LeaveAsync(string team, string mark, CancellationToken cancellationToken)
    {
        if (await ReadAsync(mark, cancellationToken) is { } figures && figures.Costs.Remove(team, out var cost))
        {
            var now = await _store.ReadCostsAsync(team, cancellationToken);
            await WriteAsync(mark, figures with { Drift = figures.Drift - (now - cost) }, cancellationToken);
        }
    }

    private async Task CompareAsync(SettingsSnapshot snapshot, string mark, IReadOnlyList<Team> teams, CancellationToken cancellationToken)
    {
        // A key that does not answer, such as a revoked one, keeps its last drift. Like a bill, only the key's own account has its usage.
        var answer = await _upstream.GetBillAsync(
            "key", snapshot, teams[0].UpstreamKey, servedBy: null, sentWith: null, ReadUsage, cancellationToken);
        if (answer.Value is not { } used)
        {
            return;
        }

        var before = await ReadAsync(mark, cancellationToken);
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

        await WriteAsync(mark, new DriftFigures(used.Amount, drift, costs), cancellationToken);
        _drift.Set(mark, drift.ApproximateUsd);
    }

    private async Task<DriftFigures?> ReadAsync(string mark, CancellationToken cancellationToken) =>
        DriftFigures.Read(await _store.ReadValueAsync(FiguresName(mark), cancellationToken));

    private Task WriteAsync(string mark, DriftFigures figures, CancellationToken cancellationToken) =>
        _store.WriteValueAsync(FiguresName(mark), figures.ToText(), cancellationToken);

    private static string FiguresName(string mark) => $"drift:{mark}";

    private static string KeyName(string team) => $"drift:team:{team}";

    // A turn costs a request for each key and a sum for each team, so other reloads start none.
    private void OnChanged(SettingsSnapshot snapshot)
    {
        lock (_gate)
        {
            // Handlers of two reloads may run in any order.
            var keyOf = KeysOf(_settings.Current);
            if (keyOf.Count == _latestKeyOf.Count
                && keyOf.All(team => _latestKeyOf.TryGetValue(team.Key, out var mark) && mark == team.Value))
            {
                return;
            }

            _latestKeyOf = keyOf;
        }

        WakeAfterBackOff();
    }

    // A destination with a key of its own serves calls that the teams' keys do not pay, and the sums of the ledger do not tell them apart.
    private static IReadOnlyList<Team> ComparedTeams(SettingsSnapshot snapshot) => snapshot.DestinationKeys.IsEmpty ? snapshot.Teams.Teams : [];

    private static Dictionary<string, string> KeysOf(SettingsSnapshot snapshot) =>
        ComparedTeams(snapshot).ToDictionary(team => team.Id, team => team.UpstreamKey.Mark, StringComparer.Ordinal);

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
