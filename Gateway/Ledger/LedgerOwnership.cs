namespace Gateway.Ledger;

/// <summary>Finds the team of a generation by its row.</summary>
internal sealed class LedgerOwnership(ILedgerStore store, LedgerWriter writer) : IGenerationOwnership
{
    /// <inheritdoc />
    public async ValueTask<bool> OwnsAsync(string team, string id) =>
        writer.IsOpen && await store.HasGenerationAsync(team, id, CancellationToken.None);
}
