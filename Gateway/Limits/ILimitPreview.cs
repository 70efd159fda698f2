using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>Previews the answers of <see cref="ILimitStore"/> at the moment, and counts nothing.</summary>
internal interface ILimitPreview
{
    /// <summary>The refusal of <see cref="ILimitStore.EnterAsync"/>; <see langword="null"/> if it would grant a lease.</summary>
    /// <param name="scopes">The limits of the team, then of the key; at least one.</param>
    /// <exception cref="LimitStoreException">The store failed or was too slow.</exception>
    ValueTask<LimitResult?> PreviewEntryAsync(IReadOnlyList<LimitScope> scopes);

    /// <summary>The result of <see cref="ILimitLease.ChargeAsync"/>; the levels of a granted charge are those before it.</summary>
    /// <param name="scopes">The limits of the team, then of the key; at least one.</param>
    /// <param name="estimatedTokens">The estimated token usage.</param>
    /// <exception cref="LimitStoreException">The store failed or was too slow.</exception>
    ValueTask<LimitResult> PreviewChargeAsync(IReadOnlyList<LimitScope> scopes, long estimatedTokens);

    /// <summary>The number of requests in flight under a holder. Counted only under a limit of them.</summary>
    /// <exception cref="LimitStoreException">The store failed or was too slow.</exception>
    ValueTask<long> CountInFlightAsync(LimitScope scope);
}
