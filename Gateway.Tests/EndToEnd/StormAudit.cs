using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Compares a ledger with the upstream's own book after a storm: to the pico-dollar for every generation whose id reached the gateway, and
/// every other is unresolvable at its reservation. Upstream bills from the receipt of a body, so those exist. A call and its rows are joined
/// by the id of the request, and a bill and its call by the call's name, so that no call pays for another.
/// </summary>
internal sealed class StormAudit
{
    private readonly IReadOnlyList<StormRow> _rows;
    private readonly IReadOnlyList<BookEntry> _book;
    private readonly Dictionary<string, StormOutcome> _outcomes;
    private readonly IReadOnlyDictionary<string, string> _teamsByKey;
    private readonly Dictionary<string, BookEntry> _bills;
    private readonly ILookup<string?, BookEntry> _unnamed;
    private readonly ILookup<string?, StormRow> _byRequest;
    private readonly HashSet<string> _claimed;
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
        _bills = book.ToDictionary(entry => entry.Id);
        var named = rows.Select(row => row.GenerationId).OfType<string>().ToHashSet();
        _unnamed = book.Where(entry => !named.Contains(entry.Id)).ToLookup(entry => entry.ScriptId);
        _byRequest = rows.ToLookup(row => row.RequestId);
        _claimed = [.. _outcomes.Values.Select(outcome => outcome.RequestId).OfType<string>()];
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
        CheckCalls();
        CheckUnclaimedRows();
        CheckLostIds();
        CheckTotals();
        return _faults;
    }

    /// <summary>The rows that are unresolvable, a line each, with their call.</summary>
    public IReadOnlyList<string> Unknowns()
    {
        var calls = _outcomes.Values.Where(outcome => outcome.RequestId is not null).ToLookup(outcome => outcome.RequestId);
        return
        [
            .. from row in _rows
               where row.State == GenerationState.Unresolvable
               let headless = HeadlessCalls(row.KeyLabel).Select(outcome => outcome.Description)
               let call = calls[row.RequestId].FirstOrDefault()?.Description ?? $"one of {string.Join(", ", headless)}"
               select $"{row.Team}/{row.KeyLabel}, {row.ReservedPico} pico-dollars reserved, request {row.RequestId}: {call}",
        ];
    }

    /// <summary>Fails with all faults.</summary>
    public void AssertRight(ulong seed)
    {
        var faults = Faults();
        var unknowns = Unknowns();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{_outcomes.Count} calls, {_outcomes.Values.Count(outcome => outcome.WasKilled)} of which met a kill; "
            + $"{_book.Count} generations billed; {_rows.Count} rows, {_rows.Count(row => row.RequestId is { } id && _claimed.Contains(id))} "
            + $"of which are joined to their call, and {unknowns.Count} of which are unresolvable");
        foreach (var unknown in unknowns)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"unknown: {unknown}");
        }

        Assert.True(faults.Count == 0, $"{Storm.SeedVariable}={seed}\n{string.Join('\n', faults)}");
    }

    // The storm itself: every undisturbed call was answered, and every call got a head whose client waited for it.
    private void CheckOutcomes()
    {
        foreach (var outcome in _outcomes.Values.Where(outcome => outcome is { Status: null, WasKilled: false, LeavesBeforeItsEnd: false }))
        {
            _faults.Add($"{outcome.Description}: its client waited for an answer, and no head came");
        }

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
        foreach (var rows in _rows.Where(row => row.GenerationId is not null).GroupBy(row => row.GenerationId!))
        {
            var row = rows.First();
            if (rows.Count() > 1)
            {
                _faults.Add($"{row.GenerationId}: in {rows.Count()} rows");
            }

            if (!_bills.TryGetValue(row.GenerationId!, out var entry))
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

            if (entry.ScriptId?.StartsWith(row.KeyLabel + "-", StringComparison.Ordinal) != true
                || !_teamsByKey.TryGetValue(entry.Key, out var team)
                || team != row.Team)
            {
                _faults.Add($"{entry.Id} ({entry.ScriptId}): in the row of {row.Team}/{row.KeyLabel}");
            }
        }
    }

    // A call whose client got a head has its rows, and the bill in them is its own.
    private void CheckCalls()
    {
        foreach (var shared in _outcomes.Values.Where(outcome => outcome.RequestId is not null).GroupBy(outcome => outcome.RequestId))
        {
            if (shared.Count() > 1)
            {
                _faults.Add($"{string.Join(", ", shared.Select(outcome => outcome.ScriptId))}: told the same request id {shared.Key}");
            }
        }

        foreach (var outcome in _outcomes.Values.Where(outcome => outcome.Status is not null))
        {
            if (outcome.RequestId is not { } id)
            {
                _faults.Add($"{outcome.Description}: a head without a request id");
                continue;
            }

            var rows = _byRequest[id].ToList();
            var (least, most) = outcome.Rows;
            if (rows.Count < least || rows.Count > most)
            {
                _faults.Add($"{outcome.Description}: {rows.Count} rows, expected {least} to {most}");
            }

            foreach (var row in rows.Where(row => (row.Team, row.KeyLabel) != (outcome.Team, outcome.KeyLabel)))
            {
                _faults.Add($"{outcome.Description}: its row is that of {row.Team}/{row.KeyLabel}");
            }

            foreach (var bill in rows.Select(row => _bills.GetValueOrDefault(row.GenerationId ?? "")).OfType<BookEntry>())
            {
                if (bill.ScriptId != outcome.ScriptId)
                {
                    _faults.Add($"{outcome.Description}: its row has {bill.Id}, which is of {bill.ScriptId}");
                }
            }

            if (outcome.GenerationId is { } told && rows.Count(row => row.GenerationId == told) != 1)
            {
                _faults.Add($"{outcome.Description}: the client was told {told}, and its rows have {GenerationsOf(rows)}");
            }

            // All attempts but the last one are proven to cost nothing.
            if (rows.Count(row => !row.IsFree) > 1)
            {
                _faults.Add($"{outcome.Description}: {rows.Count(row => !row.IsFree)} of its rows may cost something");
            }

            CheckNameless(outcome.Description, rows, [.. _unnamed[outcome.ScriptId]], [outcome]);
        }
    }

    // Rows that no client can claim are those of calls whose head never arrived, a request for each call.
    private void CheckUnclaimedRows()
    {
        var nameless = new List<IGrouping<string?, StormRow>>();
        var named = new HashSet<string>();
        foreach (var request in _byRequest.Where(request => request.Key is null || !_claimed.Contains(request.Key)))
        {
            if (request.Key is null)
            {
                _faults.Add($"{request.Count()} rows have no request id");
            }
            else if (request.Count(row => !row.IsFree) > 1)
            {
                _faults.Add($"request {request.Key}: {request.Count(row => !row.IsFree)} of its rows may cost something");
            }

            if (request.FirstOrDefault(row => row.GenerationId is not null)?.GenerationId is not { } id)
            {
                nameless.Add(request);
            }
            else if (_bills.TryGetValue(id, out var bill))
            {
                var call = _outcomes.GetValueOrDefault(bill.ScriptId ?? "");
                if (call is not { Status: null })
                {
                    _faults.Add($"request {request.Key} has {id} of {call?.Description ?? "no call"}, whose client was told another request");
                }
                else if (!named.Add(call.ScriptId))
                {
                    _faults.Add($"{call.Description}: in the rows of two requests");
                }
            }
        }

        var requests = nameless.ToLookup(request => request.First().KeyLabel);
        var headless = _outcomes.Values
            .Where(outcome => outcome.Status is null && !named.Contains(outcome.ScriptId))
            .ToLookup(outcome => outcome.KeyLabel);
        foreach (var label in requests.Select(label => label.Key).Union(headless.Select(label => label.Key)))
        {
            var calls = headless[label].ToList();
            if (requests[label].Count() > calls.Count)
            {
                _faults.Add($"{label}: {requests[label].Count()} requests that no client was told of, and {calls.Count} calls without a head");
            }

            CheckNameless(
                label, [.. requests[label].SelectMany(rows => rows)], [.. calls.SelectMany(call => _unnamed[call.ScriptId])], calls);
        }

        foreach (var entry in _book.Where(entry => !_outcomes.ContainsKey(entry.ScriptId ?? "")))
        {
            _faults.Add($"{Describe(entry)}: billed, and no client has called");
        }
    }

    /// <summary>Checks rows without a generation against the bills that no row names.</summary>
    /// <param name="who">The call, or the key of several.</param>
    /// <param name="rows">All rows of the calls.</param>
    /// <param name="bills">The calls' bills that are in no row.</param>
    /// <param name="calls">The calls.</param>
    private void CheckNameless(string who, IReadOnlyList<StormRow> rows, List<BookEntry> bills, IReadOnlyList<StormOutcome> calls)
    {
        // Upstream may have had a call without a word of it in its book: the gateway or its client was gone before upstream had the body.
        var unknown = calls.Count(call => _unnamed.Contains(call.ScriptId)
            || call.Operation.Kind == StormKind.UnknownPage || call.LeavesOpenWhetherTheHeadCame);
        var unresolvable = 0;
        foreach (var row in rows.Where(row => row.GenerationId is null))
        {
            if (row.State == GenerationState.Unresolvable)
            {
                unresolvable++;
                if (row.ReservedPico <= 0)
                {
                    _faults.Add($"{who}: a row without an id is charged at nothing");
                }
            }
            else if (row.State == GenerationState.Settled && bills.FindIndex(entry => entry.Cost == row.CostPico) is >= 0 and var at)
            {
                // An answer without an id can still tell its bill.
                bills.RemoveAt(at);
            }
            else if (!row.IsFree)
            {
                // At nothing it may be a call that was never sent.
                _faults.Add($"{who}: a row without an id is {row.State} at {row.CostPico}, and the book has no such call");
            }
        }

        if (unresolvable > unknown)
        {
            _faults.Add($"{who}: {unresolvable} rows are unresolvable, and the design calls {unknown} unknown");
        }

        if (bills.Count > unresolvable)
        {
            var lost = string.Join(", ", bills.Select(Describe));
            _faults.Add($"{who}: {bills.Count} calls were billed of which the ledger has {unresolvable}: {lost}");
        }
    }

    // The id is on disk before the first byte of an answer, so no kill excuses an id that its client was told; see CheckCalls.
    private void CheckLostIds()
    {
        foreach (var entry in _unnamed.SelectMany(entries => entries).Where(entry => entry.IdSent))
        {
            if (!_outcomes.TryGetValue(entry.ScriptId ?? "", out var outcome) || !outcome.LeavesOpenWhetherTheHeadCame)
            {
                _faults.Add($"{Describe(entry)}: its id reached the gateway, and no row has it");
            }
        }
    }

    // Follows from the rows when they are right; stands on its own when they are not.
    private void CheckTotals()
    {
        var expected = _rows.GroupBy(row => row.Team).ToDictionary(
            team => team.Key,
            team => team.Aggregate(
                Int128.Zero,
                (sum, row) => sum + (row.GenerationId is { } id && _bills.TryGetValue(id, out var bill) ? bill.Cost : row.Charge)));
        foreach (var (team, total) in Totals(_rows).Where(team => expected[team.Key] != team.Value))
        {
            _faults.Add($"{team}: charged {total} in all, {expected[team]} by the book");
        }
    }

    private static string GenerationsOf(IEnumerable<StormRow> rows) =>
        string.Join(", ", rows.Select(row => row.GenerationId).OfType<string>()) is { Length: > 0 } ids ? ids : "none";

    /// <summary>The calls of a key whose head never arrived.</summary>
    private IEnumerable<StormOutcome> HeadlessCalls(string label) =>
        _outcomes.Values.Where(outcome => outcome.Status is null && outcome.KeyLabel == label);

    private string Describe(BookEntry entry)
    {
        var call = _outcomes.GetValueOrDefault(entry.ScriptId ?? "")?.Description ?? entry.ScriptId ?? "without a name";
        return $"{entry.Id} of {call}, {entry.End}, id {(entry.IdSent ? "sent" : "not sent")}";
    }
}
