using Gateway.Configuration.Model;
using Gateway.Secrets;
using Npgsql;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Usage</c>, and the relations between them.</summary>
internal static class UsageSettingsCheck
{
    private const string ConnectionString = "Postgres:ConnectionString";
    private static readonly TimeSpan LongestRetention = TimeSpan.FromDays(36_500);

    /// <summary>Checks the section and makes its paths absolute.</summary>
    /// <returns>The settings with secrets masked, and the connection string if it is needed.</returns>
    public static (UsageSettings Settings, SecretText? Postgres) Check(
        UsageSettings given, SectionFaults faults, SecretReader secrets, string workingDirectory)
    {
        faults.Range("Retention", given.Retention, TimeSpan.Zero, LongestRetention);
        var settings = given with
        {
            Sqlite = given.Sqlite with { Path = faults.OwnFile("Sqlite:Path", given.Sqlite.Path, workingDirectory) },
            Postgres = given.Postgres with { ConnectionString = SettingValues.Shown(given.Postgres.ConnectionString) },
            PricesPath = faults.OwnFile("PricesPath", given.PricesPath, workingDirectory),
        };
        return (settings, given.Store == UsageStore.Postgres ? ReadPostgres(given.Postgres.ConnectionString, faults, secrets) : null);
    }

    private static SecretText? ReadPostgres(string text, SectionFaults faults, SecretReader secrets)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            faults.Fault(ConnectionString, "is missing; expected a connection string, env:NAME or file:PATH, since Store is Postgres");
            return null;
        }

        if (secrets.Read(text, allowsLiteral: true, ConnectionString, faults) is not { } connection)
        {
            return null;
        }

        try
        {
            if (string.IsNullOrWhiteSpace(new NpgsqlConnectionStringBuilder(connection).Host))
            {
                faults.Fault(ConnectionString, "names no Host");
            }
        }
        catch (Exception bad) when (bad is ArgumentException or FormatException or OverflowException)
        {
            // The exception's message may quote the secret.
            faults.Fault(
                ConnectionString, "is no connection string as Npgsql reads it; expected Host=…;Username=…;Password=…;Database=…");
        }

        return new SecretText(connection);
    }
}
