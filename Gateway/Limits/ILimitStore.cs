using Gateway.Teams;

namespace Gateway.Limits;

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

/// <summary>The result of a charge, or the refusal of a lease.</summary>
internal sealed record LimitResult
{
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

/// <summary>
/// A request's lease under its limits. From its acquisition to its end it counts as one of the requests in flight. Once charged, it also
/// counts as a request and its tokens against the limits per minute. <see cref="ReturnAsync"/> and <see cref="CancelAsync"/> end it; only
/// the first call has an effect, and neither throws if the store fails: the release is retried later, or the lease expires.
/// </summary>
internal interface ILimitLease
{
    /// <summary>
    /// The tokens that the charge has taken from every limit of tokens: the estimate, or the lowest such limit if that is less;
    /// <see langword="null"/> without a charge or without such a limit. Found on each access, also after the end.
    /// </summary>
    long? TakenTokens { get; }

    /// <summary>
    /// Counts the request and its tokens against the limits per minute of all scopes, or of none if one of them is exhausted. Called at
    /// most once, before the end. A refused or failed charge leaves the request in flight.
    /// </summary>
    /// <param name="estimatedTokens">
    /// The estimated token usage. An estimate above a limit counts as the limit, so that an empty bucket admits the request.
    /// </param>
    /// <exception cref="LimitStoreException">The store failed or was too slow.</exception>
    ValueTask<LimitResult> ChargeAsync(long estimatedTokens);

    /// <summary>
    /// Ends the lease and corrects the token limits of a charged lease. Tokens that a limit has drained since the charge are not given back:
    /// the limit would hold them beside its minute's worth.
    /// </summary>
    /// <param name="tokens">The used tokens; <see langword="null"/> if unknown, which keeps the estimate.</param>
    ValueTask ReturnAsync(long? tokens);

    /// <summary>Ends the lease and undoes its charge: the limits get back the request and its tokens, as far as they have not drained them.</summary>
    ValueTask CancelAsync();
}

/// <summary>Enforces rate and concurrency limits, with counters in this process or in a shared Redis.</summary>
internal interface ILimitStore
{
    /// <summary>Acquires a lease under the concurrency limits of all scopes, or of none if one of them is exhausted.</summary>
    /// <param name="scopes">The limits of the team, then of the key; at least one. <see cref="ILimitLease.ChargeAsync"/> uses them too.</param>
    /// <exception cref="LimitStoreException">The store failed or was too slow.</exception>
    ValueTask<LimitEntry> EnterAsync(IReadOnlyList<LimitScope> scopes);

    /// <summary>
    /// Corrects the token limits of a call that has ended, when its bill is known. Does not throw if the store fails: the buckets drain.
    /// </summary>
    /// <param name="scopes">The limits of the team, then of the key.</param>
    /// <param name="change">The billed tokens less those that the limits count.</param>
    ValueTask CorrectAsync(IReadOnlyList<LimitScope> scopes, long change);
}

/// <summary>The store of limits or budgets failed or was too slow. The message contains no addresses or secrets.</summary>
internal sealed class LimitStoreException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the operation was sent to the store and may have taken effect, although its reply is missing.</summary>
    public bool MayHaveTakenEffect { get; init; }

    /// <summary>Whether the store works and the failure is one of this counter, such as a sum that overflows.</summary>
    public bool IsOfCounter { get; init; }
}
