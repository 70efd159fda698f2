using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Admin;

/// <summary>A ledger that can be read for usage only; it records the selections that it was asked for.</summary>
internal sealed class FakeLedgerStore(params UsageRow[] rows) : ILedgerStore
{
    public string? Fault { get; init; }

    public List<UsageSelection> Asked { get; } = [];

    public bool IsOpen { get; private set; }

    public bool IsDisposed { get; private set; }

    public string LedgerId => "fake";

    public IAlertStore Alerts => throw new NotSupportedException();

    public Task OpenAsync(CancellationToken cancellationToken)
    {
        IsOpen = true;
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken)
    {
        Asked.Add(selection);
        return Fault is null ? Task.FromResult<IReadOnlyList<UsageRow>>(rows) : throw new LedgerException(Fault);
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    public Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<TeamCharges> ReadChargesAsync(
        string team, string? keyLabel, DateTimeOffset from, DateTimeOffset recent, DateTimeOffset heldSince, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) => throw new NotSupportedException();

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
}
