using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Compares a ledger with the upstream's own book after a storm: to the pico-dollar for every generation whose id reached the gateway, and
/// every other is unresolvable at its reservation. Upstream bills from the receipt of a body, so those exist.
/// </summary>
internal sealed class StormAudit
{
    private readonly IReadOnlyList<StormRow> _rows;
    private readonly IReadOnlyList<BookEntry> _book;
    private readonly Dictionary<string, StormOutcome> _outcomes;
    private readonly IReadOnlyDictionary<string, string> _teamsByKey;
    private readonly List<string> _faults = [];

    /// <param name="rows">The whole ledger.</param>
    /// <param name="book">The whole book.</param>
    /// <param name="outcomes">The outcomes that the clients saw.</param>
    /// <param name="teamsByKey">The teams' ids by the mark of their OpenRouter key.</param>
    public StormAudit(
        IReadOnlyList<StormRow> rows,
        IReadOnlyList<BookEntry> book,
        IEnumerable<StormOutcome> outcomes,
        IReadOnlyDictionary<string, string> teamsByKey)
    {
        _rows = rows;
        _book = book;
        _outcomes = outcomes.ToDictionary(outcome => outcome.ScriptId);
        _teamsByKey = teamsByKey;
    }

    /// <summary>Waits until no row is open any more, and returns the ledger.</summary>
    public static async Task<IReadOnlyList<StormRow>> WaitForClosedRowsAsync(
        Func<Task<IReadOnlyList<StormRow>>> readAsync)
    {
        IReadOnlyList<StormRow> rows = [];
        return await Eventually.GetAsync(
            async () => (rows = await readAsync()).All(row => !row.IsOpen) ? rows : null,
            () => $"a ledger without open rows. Open:\n{OpenOnes(rows)}");
    }

    /// <summary>The rows that are open, a line each, for messages.</summary>
    public static string OpenOnes(IReadOnlyList<StormRow> rows) => string.Join(
        '\n',
        rows.Where(row => row.IsOpen).Select(row => $"{row.KeyLabel} {row.GenerationId ?? "without an id"} {row.State}"));

    /// <summary>The amount that the ledger charges each team.</summary>
    public static IReadOnlyDictionary<string, Int128> Totals(IReadOnlyList<StormRow> rows)
    {
        return rows.GroupBy(row => row.Team).ToDictionary(
            team => team.Key, team => team.Aggregate(Int128.Zero, static (sum, row) => sum + row.Charge));
    }

    /// <summary>All faults, a line each; none when the ledger is right.</summary>
    public IReadOnlyList<string> Faults()
    {
        _faults.Clear();
        CheckOutcomes();
        CheckNamedRows();
        CheckMissingRows();
        CheckTotals();
        return _faults;
    }

    /// <summary>Fails with all faults.</summary>
    public void AssertRight(ulong seed)
    {
        var faults = Faults();
        var unresolvable = _rows.Count(row => row.State == GenerationState.Unresolvable);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{_book.Count} generations billed, {_rows.Count} rows, {unresolvable} of them unresolvable, "
            + $"{_outcomes.Values.Count(outcome => outcome.WasKilled)} calls met a kill");
        foreach (var row in _rows.Where(row => row.State == GenerationState.Unresolvable))
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"unknown: {row.Team}/{row.KeyLabel}, {row.ReservedPico} pico-dollars reserved");
        }

        Assert.True(faults.Count == 0, $"{Storm.SeedVariable}={seed}\n{string.Join('\n', faults)}");
    }

    // The storm itself: every undisturbed call was answered.
    private void CheckOutcomes()
    {
        foreach (var outcome in _outcomes.Values.Where(outcome => outcome.Operation.Kind == StormKind.Whole && !outcome.WasKilled))
        {
            if (outcome is not { Status: 200, IsComplete: true })
            {
                var extent = outcome.IsComplete ? "whole" : "in part";
                _faults.Add($"{outcome.ScriptId}: an undisturbed call was answered {outcome.Status}, {extent}");
            }
        }
    }

    private void CheckNamedRows()
    {
        var book = _book.ToDictionary(entry => entry.Id);
        foreach (var rows in _rows.Where(row => row.GenerationId is not null).GroupBy(row => row.GenerationId!))
        {
            var row = rows.First();
            if (rows.Count() > 1)
            {
                _faults.Add($"{row.GenerationId}: in {rows.Count()} rows");
            }

            if (!book.TryGetValue(row.GenerationId!, out var entry))
            {
                _faults.Add($"{row.GenerationId}: a row, but nothing was billed under this id");
                continue;
            }

            if (row.State != GenerationState.Settled)
            {
                _faults.Add($"{entry.Id} ({entry.ScriptId}): {row.State}, though its id is known; asked for {entry.Questions} times");
            }
            else if (row.CostPico != entry.Cost)
            {
                var charged = row.CostPico?.ToString() ?? "nothing";
                _faults.Add($"{entry.Id} ({entry.ScriptId}): {charged} in the ledger, {entry.Cost} in the book");
            }

            else if (row.UpstreamPico != (long?)entry.ByokCost)
            {
                _faults.Add(
                    $"{entry.Id} ({entry.ScriptId}): {row.UpstreamPico?.ToString() ?? "nothing"} of the provider in the ledger, "
                    + $"{entry.ByokCost?.ToString() ?? "nothing"} in the book");
            }

            if (row.KeyLabel != LabelOf(entry) || !_teamsByKey.TryGetValue(entry.Key, out var team) || team != row.Team)
            {
                _faults.Add($"{entry.Id} ({entry.ScriptId}): in the row of {row.Team}/{row.KeyLabel}");
            }
        }
    }

    private void CheckMissingRows()
    {
        var named = _rows.Select(row => row.GenerationId).OfType<string>().ToHashSet();
        var nameless = _rows.Where(row => row.GenerationId is null).ToLookup(row => row.KeyLabel);
        var missing = _book.Where(entry => !named.Contains(entry.Id)).ToLookup(LabelOf);
        foreach (var label in nameless.Select(rows => rows.Key).Union(missing.Select(entries => entries.Key)))
        {
            // An answer without an id can still tell its bill; who tells none stays at its reservation.
            var left = missing[label].ToList();
            var unresolvable = 0;
            foreach (var row in nameless[label])
            {
                if (row.State == GenerationState.Unresolvable)
                {
                    unresolvable++;
                    if (row.ReservedPico <= 0)
                    {
                        _faults.Add($"{label}: a row without an id is charged at nothing");
                    }
                }
                else if (row.State == GenerationState.Settled && left.FindIndex(entry => entry.Cost == row.CostPico) is >= 0 and var at)
                {
                    left.RemoveAt(at);
                }
                else if (row is not { State: GenerationState.Settled, CostPico: 0 })
                {
                    // At nothing it may be a call that was never sent.
                    _faults.Add($"{label}: a row without an id is {row.State} at {row.CostPico}, and the book has no such call");
                }
            }

            // Upstream may have had a call without a word of it in its book: the gateway or its client was gone before upstream had the body.
            var unknown = missing[label].Count() + _outcomes.Values.Count(outcome => LabelOf(outcome.ScriptId) == label
                && (outcome.Operation.Kind == StormKind.UnknownPage || outcome.LeavesOpenWhetherTheHeadCame));
            if (unresolvable > unknown)
            {
                _faults.Add($"{label}: {unresolvable} rows are unresolvable, and the design calls {unknown} unknown");
            }

            if (left.Count > unresolvable)
            {
                var calls = string.Join(", ", left.Select(Describe));
                _faults.Add($"{label}: {left.Count} calls were billed of which the ledger has {unresolvable}: {calls}");
            }
        }

        foreach (var entry in _book.Where(entry => entry.IdSent && !named.Contains(entry.Id)))
        {
            if (!_outcomes.TryGetValue(entry.ScriptId ?? "", out var outcome) || !outcome.LeavesOpenWhetherTheHeadCame)
            {
                _faults.Add($"{Describe(entry)}: its id reached the gateway, and no row has it");
            }
        }

        // The id is on disk before the first byte of an answer, so no kill excuses these.
        foreach (var outcome in _outcomes.Values.Where(outcome => outcome.GenerationId is { } id && !named.Contains(id)))
        {
            _faults.Add($"{outcome.ScriptId}: the client was told {outcome.GenerationId}, and no row has it");
        }
    }

    // Follows from the rows when they are right; stands on its own when they are not.
    private void CheckTotals()
    {
        var billed = _book.ToDictionary(entry => entry.Id, entry => entry.Cost);
        var expected = _rows.GroupBy(row => row.Team).ToDictionary(
            team => team.Key,
            team => team.Aggregate(
                Int128.Zero,
                (sum, row) => sum + (row.GenerationId is { } id && billed.TryGetValue(id, out var cost) ? cost : row.Charge)));
        foreach (var (team, total) in Totals(_rows).Where(team => expected[team.Key] != team.Value))
        {
            _faults.Add($"{team}: charged {total} in all, {expected[team]} by the book");
        }
    }

    private static string LabelOf(BookEntry entry) => LabelOf(entry.ScriptId);

    private static string LabelOf(string? scriptId) => scriptId is { } id ? id[..id.LastIndexOf('-')] : "";

    private string Describe(BookEntry entry)
    {
        var kind = _outcomes.GetValueOrDefault(entry.ScriptId ?? "")?.Operation.Kind.ToString() ?? "unknown";
        return $"{entry.Id} ({entry.ScriptId}, {kind}, {entry.End}, id {(entry.IdSent ? "sent" : "not sent")})";
    }
}
