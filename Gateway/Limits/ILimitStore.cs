using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>A request for a lease under limits.</summary>
/// <param name="Id">The request.</param>
/// <param name="Scopes">The limits of its team, then of its key; at least one. A lease is acquired under all of them or none.</param>
/// <param name="EstimatedTokens">The expected token usage. More than a limit counts as the limit, so that a full bucket admits it.</param>
internal readonly record struct LimitRequest(Guid Id, IReadOnlyList<LimitScope> Scopes, long EstimatedTokens);

/// <summary>The kind of a limit.</summary>
internal enum LimitKind
{
    Requests,
    Tokens,
    Concurrency,
}

/// <summary>The level of a limit, for the headers of OpenAI's SDKs.</summary>
/// <param name="Limit">The limit a minute.</param>
/// <param name="Remaining">The remaining amount, never negative.</param>
/// <param name="Reset">The time until the limit is fully available again.</param>
internal readonly record struct LimitLevel(long Limit, long Remaining, TimeSpan Reset);

/// <summary>The result of a request for a lease.</summary>
internal sealed record LimitResult
{
    /// <summary>The lease; <see langword="null"/> if refused.</summary>
    public ILimitLease? Lease { get; init; }

    /// <summary>The kind of limit that refused.</summary>
    public LimitKind? RefusedBy { get; init; }

    /// <summary>The holder of the limit that refused, as <see cref="LimitScope.Holder"/>.</summary>
    public string? Holder { get; init; }

    /// <summary>The time after which a retry may succeed.</summary>
    public TimeSpan RetryAfter { get; init; }

    /// <summary>The request limit with the least remaining, if there is one.</summary>
    public LimitLevel? Requests { get; init; }

    /// <summary>The token limit with the least remaining, if there is one.</summary>
    public LimitLevel? Tokens { get; init; }
}

/// <summary>A request's lease under its limits.</summary>
internal interface ILimitLease
{
    /// <summary>
    /// Releases the lease and corrects the tokens. Only the first call has an effect. Never throws: if the store fails, the release is
    /// retried, or the lease expires.
    /// </summary>
    /// <param name="tokens">The used tokens; <see langword="null"/> if unknown, which keeps the estimate.</param>
    ValueTask ReturnAsync(long? tokens);

    /// <summary>Cancels the request: releases its lease, its tokens and its count.</summary>
    ValueTask CancelAsync();
}

/// <summary>Counts limits, in this process or in a shared Redis.</summary>
internal interface ILimitStore
{
    /// <summary>Acquires a lease.</summary>
    /// <exception cref="LimitStoreException">The store failed or did not answer in time.</exception>
    ValueTask<LimitResult> TakeAsync(LimitRequest request);
}

/// <summary>A store of limits or budgets failed or was too slow. The message is safe to log.</summary>
internal sealed class LimitStoreException(string message, Exception? inner = null) : Exception(message, inner);
