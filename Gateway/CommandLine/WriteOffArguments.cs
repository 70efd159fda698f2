namespace Gateway.CommandLine;

/// <summary>The arguments of <c>write-off</c>.</summary>
internal sealed record WriteOffArguments
{
    /// <summary>The team (<c>--team</c>). It need not be configured any more.</summary>
    public required string Team { get; init; }

    /// <summary>The time before which the calls arrived (<c>--until</c>); <see langword="null"/> for no bound.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The id of one call (<c>--id</c>): upstream's, or the ledger's; <see langword="null"/> for all calls.</summary>
    public string? Id { get; init; }

    /// <summary>Why (<c>--reason</c>). The ledger keeps it.</summary>
    public required string Reason { get; init; }

    /// <summary>Whether only to print the calls that would be written off (<c>--dry-run</c>).</summary>
    public bool IsDryRun { get; init; }
}
