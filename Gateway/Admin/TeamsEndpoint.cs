using System.Text.Json;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Reports;
using Gateway.Teams;

namespace Gateway.Admin;

/// <summary><c>GET /admin/teams</c>: the levels of every team's budget and limits, and its keys.</summary>
/// <param name="settings">Holds the current settings.</param>
/// <param name="budgets">The levels of budgets.</param>
/// <param name="limits">The levels of limits.</param>
/// <param name="uses">The latest uses of keys.</param>
/// <param name="ledger">
/// Returns the open ledger; <see langword="null"/> as long as no team was configured. Throws <see cref="LedgerException"/> if it cannot be
/// opened.
/// </param>
/// <param name="time">The clock.</param>
/// <param name="logger">Receives the details of failures, which the response does not contain.</param>
internal sealed partial class TeamsEndpoint(
    SettingsStore settings,
    Func<IBudgetPreview> budgets,
    Func<ILimitPreview> limits,
    KeyUses uses,
    Func<ValueTask<ILedgerLookup?>> ledger,
    TimeProvider time,
    ILogger<TeamsEndpoint> logger)
{
    // The rows of the ledger show the keys that other nodes and earlier processes have served. They are read once in this period.
    private static readonly TimeSpan LedgerPeriod = TimeSpan.FromMinutes(1);

    // In ticks; zero for never. Two requests at the same time may both read.
    private long _usesReadAt;

    /// <summary>Answers with all teams.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        var teams = settings.Current.Teams.Teams;
        var store = teams.Count > 0 ? await OpenAsync() : null;
        if (store is not null)
        {
            await ReadUsesAsync(store, context.RequestAborted);
        }

        var documents = new List<TeamsDocument.Team>(teams.Count);
        var faults = new List<string>();
        foreach (var team in teams)
        {
            context.RequestAborted.ThrowIfCancellationRequested();
            documents.Add(new TeamsDocument.Team
            {
                Id = team.Id,
                Budgets = await LevelsOfAsync(team.Id, null, team.Budget, isKnown: store is not null, faults) ?? [],
                Limits = team.Limits.IsNone ? null : await LevelsOfAsync(team, faults),
                Keys = await KeysOfAsync(team, isKnown: store is not null, faults),
            });
        }

        if (faults.Count > 0)
        {
            Log.LevelsUnreadable(logger, faults.Count, faults[0]);
        }

        await AdminResponses.WriteAsync(
            context,
            "application/json",
            JsonSerializer.SerializeToUtf8Bytes(new TeamsDocument(documents), LookupJsonContext.Default.TeamsDocument));
    }

    private async Task<IReadOnlyList<TeamsDocument.Key>> KeysOfAsync(Team team, bool isKnown, List<string> faults)
    {
        var keys = new List<TeamsDocument.Key>(team.Keys.Count);
        foreach (var key in team.Keys)
        {
            keys.Add(new TeamsDocument.Key
            {
                Label = key.Label,
                Expires = key.Expires?.UtcDateTime,
                LastUsed = uses.Of(team.Id, key.Label).At?.UtcDateTime,
                Budgets = await LevelsOfAsync(team.Id, key.Label, key.Budget, isKnown, faults),
            });
        }

        return keys;
    }

    private async Task<IReadOnlyList<TeamsDocument.Budget>?> LevelsOfAsync(
        string team, string? keyLabel, TeamBudget? budget, bool isKnown, List<string> faults) =>
        budget is null ? null : [await LevelOfAsync(BudgetKey.At(team, budget.Period, time.GetUtcNow(), keyLabel), budget, isKnown, faults)];

    private async Task<TeamsDocument.Budget> LevelOfAsync(BudgetKey period, TeamBudget budget, bool isKnown, List<string> faults)
    {
        var document = new TeamsDocument.Budget
        {
            Period = budget.Period.ToString().ToLowerInvariant(),
            LimitUsd = budget.Limit,
            ResetsAt = period.End?.UtcDateTime,
            WhenExceeded = budget.WhenExceeded.ToString().ToLowerInvariant(),
        };
        if (!isKnown)
        {
            return document;
        }

        try
        {
            var level = await BudgetLevel.ReadAsync(budgets(), period, budget.Limit);
            return document with
            {
                SpentUsd = level.Spent,
                ReservedUsd = level.Reserved,
                LeftUsd = PicoDollars.Max(level.Limit - level.Spent - level.Reserved, PicoDollars.Zero),
            };
        }
        catch (Exception fault) when (fault is LimitStoreException or LedgerException)
        {
            faults.Add(fault.Message);
            return document;
        }
    }

    private async Task<TeamsDocument.Limits> LevelsOfAsync(Team team, List<string> faults)
    {
        var scope = LimitScope.Of(team);
        try
        {
            var levels = await limits().PreviewChargeAsync([scope], 0);
            long? inFlight = scope.ConcurrentRequests is null ? null : await limits().CountInFlightAsync(scope);
            return new TeamsDocument.Limits(
                Of(scope.RequestsPerMinute, levels.Requests?.Remaining),
                Of(scope.TokensPerMinute, levels.Tokens?.Remaining),
                Of(scope.ConcurrentRequests, scope.ConcurrentRequests - inFlight));
        }
        catch (LimitStoreException fault)
        {
            faults.Add(fault.Message);
            return new TeamsDocument.Limits(
                Of(scope.RequestsPerMinute, null), Of(scope.TokensPerMinute, null), Of(scope.ConcurrentRequests, null));
        }

        static TeamsDocument.Limit? Of(int? maximum, long? remaining) =>
            maximum is { } limit ? new TeamsDocument.Limit(limit, remaining is { } left ? Math.Max(0, left) : null) : null;
    }

    /// <summary>The open ledger, without which no budget has a level; <see langword="null"/> if it cannot be opened.</summary>
    private async Task<ILedgerLookup?> OpenAsync()
    {
        try
        {
            return await ledger();
        }
        catch (LedgerException fault)
        {
            Log.TeamsUnreadable(logger, fault.Message);
            return null;
        }
    }

    private async Task ReadUsesAsync(ILedgerLookup store, CancellationToken cancellationToken)
    {
        var (readAt, now) = (Volatile.Read(ref _usesReadAt), time.GetUtcNow());
        DateTimeOffset? since = readAt == 0 ? null : new DateTimeOffset(readAt, TimeSpan.Zero);
        if (now - since < LedgerPeriod)
        {
            return;
        }

        try
        {
            foreach (var use in await store.ReadKeyUsesAsync(since - LedgerPeriod, cancellationToken))
            {
                uses.Of(use.Team, use.Key).Note(use.At);
            }

            Volatile.Write(ref _usesReadAt, now.UtcTicks);
        }
        catch (LedgerException fault)
        {
            Log.TeamsUnreadable(logger, fault.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LevelsUnreadable, LogLevel.Warning, "{Count} levels of budgets and limits could not be read: {Fault}")]
        public static partial void LevelsUnreadable(ILogger logger, int count, string fault);

        [LoggerMessage(LogEvents.TeamsUnreadable, LogLevel.Warning, "The teams' levels could not be read, since the ledger failed: {Fault}")]
        public static partial void TeamsUnreadable(ILogger logger, string fault);
    }
}
