namespace Gateway.Ledger.Sqlite;

/// <summary>The kind of an entry in the journal. Stored by number.</summary>
internal enum JournalEntryKind : byte
{
    Began = 1,
    Named = 2,
    Ended = 3,
}
