using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>A request for a lease under limits.</summary>
/// <param name="Id">The id of the call.</param>
/// <param name="Scopes">The limits of the team, then of the key; at least one. The lease is acquired under all of them or none.</param>
/// <param name="EstimatedTokens">
/// The estimated token usage. An estimate above a limit counts as the limit, so that an empty bucket admits the request.
/// </param>
internal readonly record struct LimitRequest(Guid Id, IReadOnlyList<LimitScope> Scopes, long EstimatedTokens);

/// <summary>The kind of a limit.</summary>
internal enum LimitKind
{
    Requests,
    Tokens,
    Concurrency,
}

/// <summary>The level of a limit, for the headers that OpenAI's SDKs read.</summary>
/// <param name="Limit">The limit per minute.</param>
/// <param name="Remaining">The remaining amount, never negative.</param>
/// <param name="Reset">The time until the limit is fully available again.</param>
internal readonly record struct LimitLevel(long Limit, long Remaining, TimeSpan Reset);

/// <summary>The result of a request for a lease.</summary>
internal sealed record LimitResult
{
    /// <summary>The lease; <see langword="null"/> if refused.</summary>
    public ILimitLease? Lease { get; init; }

    /// <summary>The kind of the exhausted limit; <see langword="null"/> unless refused.</summary>
    public LimitKind? RefusedBy { get; init; }

    /// <summary>The holder of the exhausted limit, as in <see cref="LimitScope.Holder"/>; <see langword="null"/> unless refused.</summary>
    public string? Holder { get; init; }

    /// <summary>The time after which a retry may succeed.</summary>
    public TimeSpan RetryAfter { get; init; }

    /// <summary>The level of the request limit with the least remaining; <see langword="null"/> without a request limit.</summary>
    public LimitLevel? Requests { get; init; }

    /// <summary>The level of the token limit with the least remaining; <see langword="null"/> without a token limit.</summary>
    public LimitLevel? Tokens { get; init; }
}

/// <summary>A request's lease under its limits.</summary>
internal interface ILimitLease
{
    /// <summary>
    /// Releases the lease and corrects the token limits. Only the first call has an effect. Does not throw if the store fails: the release
    /// is retried later, or the lease expires.
    /// </summary>
    /// <param name="tokens">The used tokens; <see langword="null"/> if unknown, which keeps the estimate.</param>
    ValueTask ReturnAsync(long? tokens);

    /// <summary>Undoes the acquisition: releases the lease and gives back the request and its tokens to the limits.</summary>
    ValueTask CancelAsync();
}

/// <summary>Enforces rate and concurrency limits, with counters in this process or in a shared Redis.</summary>
internal interface ILimitStore
{
    /// <summary>Acquires a lease.</summary>
    /// <exception cref="LimitStoreException">The store failed or was too slow.</exception>
    ValueTask<LimitResult> TakeAsync(LimitRequest request);

    /// <summary>
    /// Corrects the token limits of a call that has ended, when its bill is known. Does not throw if the store fails: the buckets drain.
    /// </summary>
    /// <param name="id">The id of the call.</param>
    /// <param name="scopes">The limits of the team, then of the key.</param>
    /// <param name="change">The billed tokens less those that the limits count.</param>
    ValueTask CorrectAsync(Guid id, IReadOnlyList<LimitScope> scopes, long change);
}

/// <summary>The store of limits or budgets failed or was too slow. The message contains no addresses or secrets.</summary>
internal sealed class LimitStoreException(string message, Exception? inner = null) : Exception(message, inner);
