using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>A ledger whose questions by workers, or whose writes, throw while the test wants it.</summary>
internal sealed class ThrowingLedgerStore(ILedgerStore inner) : ILedgerStore
{
    private int _orphanSearches;

    /// <summary>How often orphans were looked for.</summary>
    public int OrphanSearches => Volatile.Read(ref _orphanSearches);

    /// <summary>Creates the exception that is thrown.</summary>
    public Func<Exception>? Fault { get; set; }

    /// <summary>Creates the exception that writes throw.</summary>
    public Func<Exception>? WriteFault { get; set; }

    /// <summary>Creates the exception that writes throw after they have succeeded: the reply to the commit is lost.</summary>
    public Func<Exception>? ReplyFault { get; set; }

    public string LedgerId => inner.LedgerId;

    public IAlertStore Alerts
    {
        get
        {
            _ = Throw();
            return inner.Alerts;
        }
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    public Task OpenAsync(CancellationToken cancellationToken)
    {
        _ = Throw();
        return inner.OpenAsync(cancellationToken);
    }

    public async Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken)
    {
        if (WriteFault is { } fault)
        {
            throw fault();
        }

        await inner.ApplyAsync(entries, cancellationToken);
        if (ReplyFault is { } replyFault)
        {
            throw replyFault();
        }
    }

    public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _orphanSearches);
        return inner.AdoptOrphansAsync(now, cancellationToken);
    }

    public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) =>
        Throw() ?? inner.TakeDueAsync(teams, now, leasedUntil, max, cancellationToken);

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken) =>
        inner.ReadUsageAsync(selection, cancellationToken);

    public Task<TeamCharges> ReadChargesAsync(
        string team, string? keyLabel, DateTimeOffset from, DateTimeOffset recent, DateTimeOffset heldSince, CancellationToken cancellationToken) =>
        inner.ReadChargesAsync(team, keyLabel, from, recent, heldSince, cancellationToken);

    public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken)
    {
        _ = Throw();
        return inner.ReadChargesAsync(ids, cancellationToken);
    }

    public Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken) =>
        inner.ReadBegunByOthersAsync(after, max, cancellationToken);

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken)
    {
        _ = Throw();
        return inner.ReadUncountedAsync(max, cancellationToken);
    }

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken) =>
        inner.ReadUncountedAsync(page, cancellationToken);

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        inner.MarkCountedAsync(ids, cancellationToken);

    public Task<PicoDollars> ReadCostsAsync(string team, CancellationToken cancellationToken) => inner.ReadCostsAsync(team, cancellationToken);

    public Task<IReadOnlyList<UnresolvedRow>> ReadUnresolvedAsync(WriteOffQuery query, CancellationToken cancellationToken) =>
        inner.ReadUnresolvedAsync(query, cancellationToken);

    public Task<IReadOnlyList<UnresolvedRow>> WriteOffAsync(
        WriteOffQuery query, string reason, DateTimeOffset now, CancellationToken cancellationToken) => inner.WriteOffAsync(query, reason, now, cancellationToken);

    public Task<string?> ReadValueAsync(string name, CancellationToken cancellationToken) => inner.ReadValueAsync(name, cancellationToken);

    public Task WriteValueAsync(string name, string value, CancellationToken cancellationToken) => inner.WriteValueAsync(name, value, cancellationToken);

    public Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken) =>
        inner.HasGenerationAsync(team, generationId, cancellationToken);

    public Task<int> RemoveBeforeAsync(DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken)
    {
        _ = Throw();
        return inner.RemoveBeforeAsync(before, now, cancellationToken);
    }

    private Task<IReadOnlyList<PendingGeneration>>? Throw() => Fault is { } fault ? throw fault() : null;
}
