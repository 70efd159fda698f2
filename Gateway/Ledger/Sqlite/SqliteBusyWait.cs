using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The wait for the transaction of another process. After a wait that was in vain, the next ones are short until the file is free: one request
/// waits for a file that is locked for long, not every one.
/// </summary>
internal sealed class SqliteBusyWait
{
    // SQLite's result code.
    private const int Busy = 5;

    /// <summary>The wait for a file that has been locked for longer than <see cref="Timeout"/>.</summary>
    private static readonly TimeSpan WaitWhileLocked = TimeSpan.FromMilliseconds(100);

    private volatile bool _isLocked;

    /// <inheritdoc cref="SqliteLedgerStore.BusyTimeout" />
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The maximum wait of the next transaction.</summary>
    public TimeSpan Next => _isLocked && WaitWhileLocked < Timeout ? WaitWhileLocked : Timeout;

    /// <summary>Notes a failure, which may be a wait in vain.</summary>
    public void Fail(Exception exception) =>
        _isLocked |= exception is LedgerException { IsLocked: true } or SqliteException { SqliteErrorCode: Busy };

    /// <summary>Notes a transaction that succeeded: the file is free.</summary>
    public void Succeed() => _isLocked = false;
}
