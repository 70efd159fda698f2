using Gateway.Configuration.Model;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using Npgsql;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Usage</c>, and their combinations.</summary>
internal static class UsageSettingsCheck
{
    private const string Retention = "Retention";
    private const string ConnectionString = "Postgres:ConnectionString";
    private const int SmallestJournal = 1024 * 1024;
    private const int LargestJournal = 1024 * 1024 * 1024;
    private static readonly TimeSpan LongestRetention = TimeSpan.FromDays(36_500);

    /// <summary>Checks the section and makes its paths absolute.</summary>
    /// <returns>The settings with secrets masked, and the connection string if the store is PostgreSQL.</returns>
    public static (UsageSettings Settings, SecretText? Postgres) Check(
        UsageSettings given, TeamDirectory teams, SettingsFaultCollector faults, SecretReader secrets, string workingDirectory)
    {
        faults.Range(Retention, given.Retention, TimeSpan.Zero, LongestRetention);
        faults.Range("MaxJournalSize", given.MaxJournalSize, SmallestJournal, LargestJournal);
        CheckRetention(given.Retention, teams, faults);
        var settings = given with
        {
            Sqlite = given.Sqlite with { Path = faults.OwnFile("Sqlite:Path", given.Sqlite.Path, workingDirectory) },
            Postgres = given.Postgres with { ConnectionString = SettingFormats.Shown(given.Postgres.ConnectionString) },
            PricesPath = faults.OwnFile("PricesPath", given.PricesPath, workingDirectory),
        };
        return (settings, given.Store == UsageStore.Postgres ? ReadPostgres(given.Postgres.ConnectionString, faults, secrets) : null);
    }

    /// <summary>
    /// A counter is rebuilt, for example after a restart, from the sums of its days and from the rows whose bill is not known. Those rows
    /// must be kept for the period. A late bill of <see cref="BudgetPeriod.Total"/> is bound by the retention alone.
    /// </summary>
    private static void CheckRetention(TimeSpan retention, TeamDirectory teams, SettingsFaultCollector faults)
    {
        if (retention > TimeSpan.Zero
            && teams.Teams.SelectMany(static team => team.Budgets, static (team, one) => (Team: team.Id, one.KeyLabel, one.Budget.Period))
                .OrderByDescending(static budget => LengthOf(budget.Period)).FirstOrDefault() is { Team: not null } longest
            && LengthOf(longest.Period) > retention)
        {
            var holder = $"{(longest.KeyLabel is { } label ? $"key \"{label}\" of " : "")}team \"{longest.Team}\"";
            faults.Fault(
                Retention,
                $"got \"{retention:c}\"; expected at least \"{LengthOf(longest.Period):c}\", or \"00:00:00\" to keep all rows, since the budget of "
                + $"{holder} is for a {longest.Period}");
        }
    }

    private static TimeSpan LengthOf(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => TimeSpan.FromDays(1),
        BudgetPeriod.Week => TimeSpan.FromDays(7),
        BudgetPeriod.Month => TimeSpan.FromDays(31),
        _ => TimeSpan.Zero,
    };

    private static SecretText? ReadPostgres(string text, SettingsFaultCollector faults, SecretReader secrets)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            faults.Fault(ConnectionString, "is missing; expected a connection string, env:NAME or file:PATH, since Store is Postgres");
            return null;
        }

        if (secrets.Read(text, allowsLiteral: true, ConnectionString, faults, isOfLedger: true) is not { } connection)
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
                ConnectionString, "is not a valid Npgsql connection string; expected Host=…;Username=…;Password=…;Database=…");
        }

        return new SecretText(connection);
    }
}
