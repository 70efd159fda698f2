namespace Gateway.Ledger.Sqlite;

/// <summary>The kinds of journal entries. Stored as numbers.</summary>
internal enum JournalEntryKind : byte
{
    Began = 1,
    Named = 2,
    Ended = 3,
}
