namespace Gateway.Ledger;

/// <summary>Finds the team of a generation by its row.</summary>
internal sealed class LedgerOwnership(LedgerAccess ledger) : IGenerationOwnership
{
    /// <inheritdoc />
    public async ValueTask<bool> OwnsAsync(string team, string id)
    {
        await ledger.EnsureOpenAsync();
        return await ledger.Store.HasGenerationAsync(team, id, CancellationToken.None);
    }
}
