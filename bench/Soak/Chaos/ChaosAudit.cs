namespace Soak.Chaos;

/// <summary>Compares ledger, book and calls after the load.</summary>
internal sealed class ChaosAudit
{
    // These say that the request did not reach the origin, so that it may be sent to another destination.
    private static readonly int[] NotProcessed = [521, 522, 523, 525, 526, 527, 530];

    // A bill that is a minute late is there at the seventh question, two minutes after the call. The next one, if an outage met the seventh,
    // comes five minutes later.
    private const int LateQuestions = 7;

    private readonly IReadOnlyList<LedgerRow> _rows;
    private readonly Book _book;
    private readonly IReadOnlyCollection<ChaosCall> _calls;
    private readonly List<(string Kind, string Call, string What)> _faults = [];

    /// <param name="rows">The ledger.</param>
    /// <param name="book">The book.</param>
    /// <param name="calls">The calls as their clients saw them.</param>
    public ChaosAudit(IReadOnlyList<LedgerRow> rows, Book book, IReadOnlyCollection<ChaosCall> calls)
    {
        _rows = rows;
        _book = book;
        _calls = calls;
    }

    /// <summary>The number of rows that are open and must not be.</summary>
    public int OpenRows => _rows.Count(row => row.IsOpen && !MayStayOpen(row));

    /// <summary>The number of calls that arrived at a second destination.</summary>
    public int SecondDestinations => _book.Statuses.Values.Count(statuses => statuses.Count > 1);

    /// <summary>The charges of the settled rows, and the cost of the same generations in the book, in pico-dollars.</summary>
    public (long Ledger, long Book) Totals
    {
        get
        {
            var settled = _rows.Where(row => row is { State: LedgerRow.Settled, GenerationId: not null }).ToList();
            return (settled.Sum(row => row.Cost ?? 0), settled.Sum(row => _book.Calls.GetValueOrDefault(row.GenerationId!)?.Cost ?? 0));
        }
    }

    /// <summary>The number of rows by state: open, settled, unresolvable.</summary>
    public (int Open, int Settled, int Unresolvable) States => (
        _rows.Count(row => row.IsOpen),
        _rows.Count(row => row.State == LedgerRow.Settled),
        _rows.Count(row => row.State == LedgerRow.Unresolvable));

    /// <summary>Calls that upstream may have processed more than once.</summary>
    public IReadOnlyList<(string Kind, string Call, string What)> Repetitions()
    {
        _faults.Clear();
        foreach (var (id, statuses) in _book.Statuses.Where(request => request.Value.Count(status => !NotProcessed.Contains(status)) > 1))
        {
            Fault("Processed twice", id, $"sent {statuses.Count} times, answered with {string.Join(", ", statuses)}");
        }

        foreach (var billed in _book.Calls.Values.Where(call => call.IsBilled).GroupBy(call => call.ScriptId).Where(calls => calls.Count() > 1))
        {
            Fault("Billed twice", billed.Key, string.Join(", ", billed.Select(call => call.Id)));
        }

        return [.. _faults];
    }

    /// <summary>Differences between ledger and book.</summary>
    public IReadOnlyList<(string Kind, string Call, string What)> Differences()
    {
        _faults.Clear();
        CheckNamedRows();
        CheckIdsOfClients();
        CheckNamelessRows();
        return [.. _faults];
    }

    private void CheckNamedRows()
    {
        foreach (var rows in _rows.Where(row => row.GenerationId is not null).GroupBy(row => row.GenerationId!))
        {
            var row = rows.First();
            if (rows.Count() > 1)
            {
                Fault("Ledger", rows.Key, $"in {rows.Count()} rows");
            }

            if (!_book.Calls.TryGetValue(rows.Key, out var booked))
            {
                Fault("Ledger", rows.Key, "a row, but upstream has no such generation");
            }
            else if (row.Team != TeamOf(booked))
            {
                Fault("Ledger", booked.ScriptId, $"in a row of {row.Team}");
            }
            else if (row.State == LedgerRow.Settled ? row.Cost != booked.Cost : !MayStayOpen(row))
            {
                Fault("Ledger", booked.ScriptId, $"state {row.State}, cost {row.Cost?.ToString() ?? "none"}; the book has {booked.Cost}");
            }
        }
    }

    // The id is on disk before the first byte of a response, so that no kill excuses these.
    private void CheckIdsOfClients()
    {
        var named = _rows.Select(row => row.GenerationId).ToHashSet();
        foreach (var call in _calls)
        {
            if (call.Answer.Header("X-Generation-Id") is { } id && !named.Contains(id))
            {
                Fault("Ledger", call.Id, $"the client got {id}, and no row has it");
            }
        }
    }

    // A row without an id is either a cost that the response stated (no-generation-id), nothing, or unknown. Every billed call without a
    // row of its id must be one of them.
    private void CheckNamelessRows()
    {
        var named = _rows.Select(row => row.GenerationId).ToHashSet();
        var missing = _book.Calls.Values.Where(call => call.IsBilled && !named.Contains(call.Id)).ToLookup(TeamOf);
        var nameless = _rows.Where(row => row.GenerationId is null).ToLookup(row => row.Team);
        foreach (var team in missing.Select(calls => calls.Key).Union(nameless.Select(rows => rows.Key)))
        {
            var left = missing[team].ToList();
            foreach (var row in nameless[team].Where(row => row is { State: LedgerRow.Settled, Cost: > 0 }))
            {
                var at = left.FindIndex(call => call.Cost == row.Cost);
                if (at < 0)
                {
                    Fault("Ledger", team, $"a row without an id costs {row.Cost}, and the book has no such call");
                }
                else
                {
                    left.RemoveAt(at);
                }
            }

            var unresolvable = nameless[team].Count(row => row.State == LedgerRow.Unresolvable);
            if (left.Count > unresolvable)
            {
                Fault("Ledger", team, $"{left.Count} calls were billed that the ledger lacks, of which {unresolvable} are unresolvable: "
                    + string.Join(", ", left.Select(call => call.ScriptId).Take(10)));
            }

            foreach (var row in nameless[team].Where(row => row.IsOpen || (row.State == LedgerRow.Unresolvable && row.Reserved <= 0)))
            {
                Fault("Ledger", team, $"a row without an id is in state {row.State} at {row.Reserved} reserved");
            }
        }
    }

    private bool MayStayOpen(LedgerRow row) =>
        row.GenerationId is { } id && _book.Calls.TryGetValue(id, out var booked) && ChaosCall.FaultOf(booked.ScriptId) switch
        {
            "missing-bill" or "failing-bill" => true,
            "late-bill" => booked.Questions <= LateQuestions,
            _ => false,
        };

    private static string TeamOf(BookedCall call) => $"team-{ChaosCall.TeamOf(call.ScriptId)}";

    private void Fault(string kind, string call, string what) => _faults.Add((kind, call, what));
}
