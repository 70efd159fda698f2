using System.Text;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Reports;

namespace Gateway.CommandLine;

/// <summary>
/// The sub-command <c>usage</c>: prints the ledger's usage as a table, CSV or JSON. It may run beside the gateway, and reads a ledger that it
/// may not write.
/// </summary>
internal static class UsageCommand
{
    /// <summary>Prints usage.</summary>
    /// <param name="settings">The location of the ledger; the path of a file is absolute.</param>
    /// <param name="arguments">The query and the format.</param>
    /// <param name="ledger">Creates the store of a ledger at a location, not yet open.</param>
    /// <param name="time">The clock.</param>
    /// <param name="output">Receives the usage.</param>
    /// <param name="error">Receives the fault.</param>
    /// <returns>Whether the ledger was read.</returns>
    public static async Task<bool> RunAsync(
        UsageSettings settings,
        UsageArguments arguments,
        Func<UsageSettings, ILedgerStore> ledger,
        TimeProvider time,
        TextWriter output,
        TextWriter error)
    {
        // Opening a store creates its file; a query must not.
        if (settings.Store == UsageStore.Sqlite && !File.Exists(settings.Sqlite.Path))
        {
            await error.WriteLineAsync(MissingLedger(settings));
            return false;
        }

        var selection = arguments.Last is { } length ? UsageQuery.Last(arguments.Selection, length, time.GetUtcNow()) : arguments.Selection;
        try
        {
            using var copy = settings.Store == UsageStore.Sqlite ? SqliteLedgerCopy.OfReadOnly(settings.Sqlite.Path) : null;
            await using var store = ledger(copy is null ? settings : settings with { Sqlite = new SqliteSettings { Path = copy.Path } });
            await store.OpenAsync(CancellationToken.None);
            var rows = await store.ReadUsageAsync(selection, CancellationToken.None);
            await output.WriteAsync(Render(selection.Groups, rows, arguments.Format));
            return true;
        }
        catch (LedgerException fault)
        {
            await error.WriteLineAsync($"Usage: the ledger cannot be read: {fault.Message}");
            return false;
        }
    }

    /// <summary>The fault of a ledger that is not where the settings say.</summary>
    public static string MissingLedger(UsageSettings settings) =>
        $"{SettingsSchema.Usage}:Sqlite:Path: there is no ledger at {settings.Sqlite.Path}; a relative path starts at the working directory";

    private static string Render(IReadOnlyList<UsageGroup> groups, IReadOnlyList<UsageRow> rows, UsageFormat format) => format switch
    {
        UsageFormat.Csv => TerminalText.EscapeLines(UsageReport.ToCsv(groups, rows)),

        // The characters that the terminal would obey stand in strings only, where the escape means the same.
        UsageFormat.Json => TerminalText.EscapeLines(Encoding.UTF8.GetString(UsageReport.ToJson(groups, rows).Span)) + Environment.NewLine,
        _ when rows.Count == 0 => "No usage in this period." + Environment.NewLine,
        _ => UsageTable.Render(groups, rows),
    };
}
