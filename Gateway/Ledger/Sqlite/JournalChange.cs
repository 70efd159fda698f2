namespace Gateway.Ledger.Sqlite;

/// <summary>The changes of one row in one transaction of <see cref="SqliteRowWriter"/>.</summary>
/// <param name="Kind">The kind of its first entry.</param>
/// <param name="Block">The start of the entry's block.</param>
/// <param name="Position">The start of the entry.</param>
internal readonly record struct JournalChange(JournalEntryKind Kind, int Block, int Position)
{
    /// <summary>Marks a missing position.</summary>
    public const int None = -1;

    /// <summary>The position of the row's first name, if the row is created in the same transaction.</summary>
    public int Named { get; init; } = None;

    /// <summary>The position of the row's first end, if the row is created in the same transaction.</summary>
    public int Ended { get; init; } = None;
}
