using System.Collections.Concurrent;
using Gateway.Ledger;
using Gateway.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>The part of a ledger that budgets are made from and put right by: rows in memory.</summary>
internal sealed class FakeLedger : ILedgerStore
{
    private readonly ConcurrentDictionary<Guid, (RowCharge Row, bool IsCounted)> _rows;
    private readonly ConcurrentDictionary<Guid, Guid> _nodes;
    private readonly Guid _node;
    private readonly string _id = Guid.NewGuid().ToString("N");
    private int _chargeQueries;
    private bool _isOpen;

    public FakeLedger()
        : this(new(), new(), Guid.Empty)
    {
    }

    private FakeLedger(
        ConcurrentDictionary<Guid, (RowCharge Row, bool IsCounted)> rows, ConcurrentDictionary<Guid, Guid> nodes, Guid node)
    {
        _rows = rows;
        _nodes = nodes;
        _node = node;
        Access = new LedgerAccess(
            new LedgerWriter(this, TimeProvider.System, NullLogger<LedgerWriter>.Instance), this, TimeProvider.System);
    }

    /// <summary>The task that every query waits for, to make races happen.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public bool IsFailing { get; set; }

    /// <summary>Runs before a page of a budget's uncounted rows is read.</summary>
    public Func<Task>? BeforeUncounted { get; set; }

    public string LedgerId => _isOpen ? _id : throw new InvalidOperationException("The ledger is not open");

    public IAlertStore Alerts => throw new NotSupportedException();

    /// <summary>The ledger as budgets use it: closed until the first of them opens it.</summary>
    internal LedgerAccess Access { get; }

    /// <summary>How often a team's charges were asked for.</summary>
    public int ChargeQueries => Volatile.Read(ref _chargeQueries);

    public void Begin(
        Guid id, string team, DateTimeOffset startedAt, long reserved, bool isCounted = true, Guid node = default, string keyLabel = "")
    {
        _nodes[id] = node;
        _rows[id] = (new RowCharge(id, team, startedAt, IsOpen: true, new PicoDollars(reserved), KeyLabel: keyLabel), isCounted);
    }

    public void Close(Guid id, long charge, bool isCounted = true) =>
        _rows[id] = (_rows[id].Row with { IsOpen = false, IsUnresolvable = false, Charge = new PicoDollars(charge) }, isCounted);

    public void GiveUp(Guid id, DateTimeOffset? at = null, bool isCounted = true) =>
        _rows[id] = (_rows[id].Row with { IsOpen = false, IsUnresolvable = true, ClosedAt = at }, isCounted);

    /// <summary>Holds another amount for an open row, as for a refused call.</summary>
    public void Hold(Guid id, long amount) => _rows[id] = (_rows[id].Row with { Charge = new PicoDollars(amount) }, true);

    /// <summary>Removes a row, as the retention does.</summary>
    public void Remove(Guid id) => _rows.TryRemove(id, out _);

    /// <summary>The same ledger as another node sees it.</summary>
    public FakeLedger AsNode(Guid node) => new(_rows, _nodes, node);

    public async Task<TeamCharges> ReadChargesAsync(
        string team, string? keyLabel, DateTimeOffset from, DateTimeOffset recent, DateTimeOffset heldSince, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _chargeQueries);
        await WaitAsync();
        var rows = _rows.Values.Select(row => row.Row).Where(row => row.Team == team && (keyLabel is null || row.KeyLabel == keyLabel) && row.StartedAt >= from).ToList();
        return new TeamCharges(
            rows.Where(row => !row.IsUnresolvable || IsHeld(row)).Aggregate(PicoDollars.Zero, (sum, row) => sum + row.Charge),
            rows.Where(row => row.IsOpen || IsHeld(row)).ToDictionary(row => row.Id, row => row.Charge),
            [.. rows.Select(row => row.Id).Where(id => id.CompareTo(LedgerKeys.FirstAt(recent)) >= 0)])
        {
            UpstreamCost = rows.Aggregate(PicoDollars.Zero, (sum, row) => sum + row.UpstreamCost),
            Expired = [.. rows.Where(row => row.IsUnresolvable && !IsHeld(row)).Select(row => row.Id)],
        };

        bool IsHeld(RowCharge row) => row.IsUnresolvable && (row.ClosedAt ?? row.StartedAt) >= heldSince;
    }

    public async Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken)
    {
        await WaitAsync();
        return [.. _rows.Values.Select(row => row.Row)
            .Where(row => row.Id.CompareTo(after) > 0 && _nodes[row.Id] != _node)
            .OrderBy(row => row.Id)
            .Take(max)];
    }

    public async Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken)
    {
        await WaitAsync();
        return ids.Where(_rows.ContainsKey).ToDictionary(id => id, id => _rows[id].Row);
    }

    public async Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken)
    {
        await WaitAsync();
        return [.. _rows.Values.Where(row => !row.IsCounted && !row.Row.IsOpen).Select(row => row.Row).Take(max)];
    }

    public async Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken)
    {
        await WaitAsync();
        if (BeforeUncounted is { } before)
        {
            await before();
        }

        return [.. _rows.Values.Where(row => !row.IsCounted && !row.Row.IsOpen).Select(row => row.Row)
            .Where(row => row.Team == page.Team && (page.KeyLabel is null || row.KeyLabel == page.KeyLabel))
            .Where(row => (row.StartedAt, row.Id).CompareTo((page.From, page.After)) > 0)
            .OrderBy(row => row.StartedAt).ThenBy(row => row.Id)
            .Take(page.Max)];
    }

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken)
    {
        foreach (var id in ids)
        {
            _rows[id] = (_rows[id].Row, true);
        }

        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        await WaitAsync();
        _isOpen = true;
    }

    public Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<PicoDollars> ReadCostsAsync(string team, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<UnresolvedRow>> ReadUnresolvedAsync(WriteOffQuery query, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<UnresolvedRow>> WriteOffAsync(
        WriteOffQuery query, string reason, DateTimeOffset now, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<string?> ReadValueAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task WriteValueAsync(string name, string value, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<int> RemoveBeforeAsync(DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken) => throw new NotSupportedException();

    private async Task WaitAsync()
    {
        await Gate;
        if (IsFailing)
        {
            throw new LedgerException("The ledger is away.");
        }
    }
}
