using System.Globalization;
using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Notices that the ledger's file was deleted or replaced while it is open, and saves its content, which the open connection still reads.
/// SQLite itself does not notice: it would go on with the file that no longer has a name.
/// </summary>
/// <remarks>On systems without <see cref="FileStamp.IdentityOf"/> nothing is noticed; Windows does not delete a file that is open.</remarks>
/// <param name="path">The full path of the file.</param>
/// <param name="logger">The log.</param>
internal sealed partial class SqliteLedgerRescue(string path, ILogger logger)
{
    private readonly string _copy = path + ".saved";
    private readonly string _log = path + "-wal";
    private readonly string _index = path + "-shm";
    private (ulong Device, ulong Inode)? _opened;
    private (ulong Device, ulong Inode)? _openedLog;
    private bool _isFailing;

    /// <summary>Whether the path leads to another file than the open one, or to none.</summary>
    public bool IsNeeded => _opened is { } opened && FileStamp.IdentityOf(path) is { } found && found != opened;

    /// <summary>Notes that the file at the path was opened.</summary>
    public void Opened()
    {
        if (IsNeeded)
        {
            // There was no open connection to save it from.
            Log.LedgerFileLost(logger, path);
        }

        _opened = FileStamp.IdentityOf(path);
        _openedLog = FileStamp.IdentityOf(_log);
    }

    /// <summary>
    /// Puts a deleted file back, with all its content. Keeps the content of a replaced one in a file beside it. The caller opens the file at
    /// the path next.
    /// </summary>
    /// <param name="open">The open connection.</param>
    /// <param name="close">Closes all connections to the old file.</param>
    /// <returns>The path of the kept content; <see langword="null"/> if the file was put back.</returns>
    /// <exception cref="LedgerException">The content could not be saved. The open connection remains.</exception>
    public string? Run(SqliteConnection open, Action close)
    {
        string? kept = null;
        // A program that opens the path after the deletion leaves an empty file.
        var isDeleted = new FileInfo(path) is not { Exists: true, Length: > 0 };
        try
        {
            Copy(open);
            close();
            if (isDeleted || FileStamp.IdentityOf(_log) == _openedLog)
            {
                // The log of the old file, which SQLite would apply to the new one. A query that still reads the old file may have kept it.
                File.Delete(_log);
                File.Delete(_index);
            }

            if (isDeleted)
            {
                File.Move(_copy, path, overwrite: true);
                Log.LedgerRestored(logger, path);
            }
            else
            {
                kept = FreeName();
                File.Move(_copy, kept);
                Log.LedgerReplaced(logger, path, kept);
            }
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                _isFailing = true;
                Log.LedgerNotRestored(logger, path, exception.Message);
            }

            throw new LedgerException($"The ledger {path} was deleted or replaced and cannot be saved: {exception.Message}", exception);
        }

        (_opened, _isFailing) = (null, false);
        return kept;
    }

    private void Copy(SqliteConnection open)
    {
        // One of an attempt that failed.
        File.Delete(_copy);
        PrivateFile.EnsureExists(_copy);
        using var target = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = _copy, Pooling = false }.ToString());
        target.Open();
        open.BackupDatabase(target);
    }

    private string FreeName()
    {
        for (var number = 1; ; number++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{path}.replaced-{number}");
            if (!File.Exists(name))
            {
                return name;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LedgerRestored,
            LogLevel.Error,
            "The ledger {Path} was deleted while the gateway has it open; it was written again, with everything that it held")]
        public static partial void LedgerRestored(ILogger logger, string path);

        [LoggerMessage(
            LogEvents.LedgerReplaced,
            LogLevel.Error,
            "The ledger {Path} was replaced while the gateway has it open; the gateway goes on with the new file, and keeps the content of the "
                + "old one in {Copy}")]
        public static partial void LedgerReplaced(ILogger logger, string path, string copy);

        [LoggerMessage(
            LogEvents.LedgerNotRestored,
            LogLevel.Error,
            "The ledger {Path} was deleted or replaced while the gateway has it open, and its content cannot be saved: {Reason} The gateway "
                + "tries again; what it records meanwhile is lost if it ends before")]
        public static partial void LedgerNotRestored(ILogger logger, string path, string reason);

        [LoggerMessage(
            LogEvents.LedgerFileLost,
            LogLevel.Error,
            "The ledger {Path} was deleted or replaced while it could not be used; the gateway goes on with the file that is there now")]
        public static partial void LedgerFileLost(ILogger logger, string path);
    }
}
