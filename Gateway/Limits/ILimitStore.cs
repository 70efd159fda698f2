using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>One request that asks for its place under limits.</summary>
/// <param name="Id">The request.</param>
/// <param name="Scopes">Its team's limits, then its key's; at least one. A place is taken under all of them or under none.</param>
/// <param name="EstimatedTokens">What it will probably use; more than a limit counts as that limit, so that a full bucket lets it pass.</param>
internal readonly record struct LimitRequest(Guid Id, IReadOnlyList<LimitScope> Scopes, long EstimatedTokens);

/// <summary>Which limit is meant.</summary>
internal enum LimitKind
{
    Requests,
    Tokens,
    Concurrency,
}

/// <summary>A limit as it stands, for the headers that OpenAI's SDKs know.</summary>
/// <param name="Limit">The limit a minute.</param>
/// <param name="Remaining">What is left, never below zero.</param>
/// <param name="Reset">When all of it will be there again.</param>
internal readonly record struct LimitLevel(long Limit, long Remaining, TimeSpan Reset);

/// <summary>What a store says to a request.</summary>
internal sealed record LimitResult
{
    /// <summary>A place; <see langword="null"/> when refused.</summary>
    public ILimitLease? Lease { get; init; }

    /// <summary>Which limit refused.</summary>
    public LimitKind? RefusedBy { get; init; }

    /// <summary>Whose limit refused, as <see cref="LimitScope.Holder"/>.</summary>
    public string? Holder { get; init; }

    /// <summary>When it is worth another try.</summary>
    public TimeSpan RetryAfter { get; init; }

    /// <summary>The tightest limit of requests (the one with the least left), when there is one.</summary>
    public LimitLevel? Requests { get; init; }

    /// <summary>The tightest limit of tokens, when there is one.</summary>
    public LimitLevel? Tokens { get; init; }
}

/// <summary>A request's place under its limits.</summary>
internal interface ILimitLease
{
    /// <summary>
    /// Gives the place back and puts the tokens right. The first call counts, later ones do nothing. Never throws: a store that fails
    /// is told later, or forgets by itself.
    /// </summary>
    /// <param name="tokens">What was used; <see langword="null"/> when unknown, which leaves the estimate.</param>
    ValueTask ReturnAsync(long? tokens);

    /// <summary>As if the request had never been: its place, its tokens and its count go back.</summary>
    ValueTask CancelAsync();
}

/// <summary>Where limits are counted: in this process, or in a Redis that several share.</summary>
internal interface ILimitStore
{
    /// <summary>Asks for a place.</summary>
    /// <exception cref="LimitStoreException">The store failed or did not answer within its bound.</exception>
    ValueTask<LimitResult> TakeAsync(LimitRequest request);
}

/// <summary>A store of limits or budgets failed or was too slow. The message is safe to log.</summary>
internal sealed class LimitStoreException(string message, Exception? inner = null) : Exception(message, inner);
