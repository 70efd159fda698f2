using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>Creates commands with the positional parameters (<c>$1</c>, <c>$2</c>…) of <see cref="LedgerSql"/>.</summary>
internal static class SqliteCommands
{
    public static SqliteCommand Command(this SqliteConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue($"${i + 1}", values[i]);
        }

        return command;
    }
}
