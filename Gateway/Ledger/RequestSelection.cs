namespace Gateway.Ledger;

/// <summary>The requests that a look-up lists, newest first. The default is all of them.</summary>
internal sealed record RequestSelection
{
    /// <summary>The id of the team; <see langword="null"/> for all.</summary>
    public string? Team { get; init; }

    /// <summary>
    /// A pattern of the requested, the sent or the answered model, in which <c>*</c> stands for any run of characters, in any case;
    /// <see langword="null"/> for all.
    /// </summary>
    public string? Model { get; init; }

    /// <summary>The status; <see langword="null"/> for all.</summary>
    public int? Status { get; init; }

    /// <summary>The code of the gateway's error, which the ledger does not know; <see langword="null"/> for all.</summary>
    public string? Code { get; init; }

    /// <summary>The time since which the request arrived; <see langword="null"/> for no bound.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The maximum number of requests.</summary>
    public required int Limit { get; init; }

    /// <summary>Whether the ledger has to read rows that are not selected.</summary>
    public bool IsFiltered => Team is not null || Model is not null || Status is not null;
}
