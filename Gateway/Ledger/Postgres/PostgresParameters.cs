using Npgsql;
using NpgsqlTypes;

namespace Gateway.Ledger.Postgres;

/// <summary>Converts ledger values to PostgreSQL parameters.</summary>
internal static class PostgresParameters
{
    public static NpgsqlParameter<Guid> Id(Guid value) => new() { NpgsqlDbType = NpgsqlDbType.Uuid, TypedValue = value };

    public static NpgsqlParameter<Guid[]> Ids(IReadOnlyCollection<Guid> values) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid, TypedValue = [.. values] };

    public static NpgsqlParameter<string[]> Texts(IReadOnlyCollection<string> values) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = [.. values] };

    public static NpgsqlParameter Text(string? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)LedgerSanitizer.Text(value) ?? DBNull.Value };

    /// <summary>Text of the gateway's own, of any length.</summary>
    public static NpgsqlParameter LongText(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, Value = value };

    public static NpgsqlParameter Number(long? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = (object?)value ?? DBNull.Value };

    public static NpgsqlParameter Small(int? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Integer, Value = (object?)value ?? DBNull.Value };

    public static NpgsqlParameter Flag(bool value) => Small(value ? 1 : 0);

    public static NpgsqlParameter Time(DateTimeOffset? value) => Number(value is { } moment ? LedgerKeys.ToStored(moment) : null);

    /// <summary>Creates a command on a connection.</summary>
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params ReadOnlySpan<NpgsqlParameter> parameters) =>
        new NpgsqlCommand(sql, connection).With(parameters);

    /// <summary>Adds parameters, in their order.</summary>
    public static NpgsqlCommand With(this NpgsqlCommand command, ReadOnlySpan<NpgsqlParameter> parameters)
    {
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }
}
