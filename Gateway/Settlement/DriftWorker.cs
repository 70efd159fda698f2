using System.Globalization;
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
/// Compares, every ten minutes, what OpenRouter says that a key has used with what the ledger says of the key's teams: money that goes past
/// the ledger. Both count from the first turn that has seen the key, and a team from the first turn that has seen it with that key. The
/// first figures are kept in the ledger, so that a restart changes nothing. Calls in flight and rows without a bill show as drift.
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

        var drift = await SinceFirstAsync($"drift:{mark}", used.Amount, cancellationToken);
        foreach (var team in teams)
        {
            var costs = await _store.ReadCostsAsync(team.Id, cancellationToken);
            drift -= await SinceFirstAsync($"drift:{mark}:{team.Id}", costs, cancellationToken);
        }

        _drift.Set(mark, (double)drift.Value / PicoPerUsd);
    }

    private async Task<PicoDollars> SinceFirstAsync(string name, PicoDollars amount, CancellationToken cancellationToken)
    {
        var first = await _store.KeepFirstAsync(name, amount.Value.ToString(CultureInfo.InvariantCulture), cancellationToken);
        return amount - new PicoDollars(Int128.Parse(first, CultureInfo.InvariantCulture));
    }

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
