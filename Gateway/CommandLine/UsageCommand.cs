using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Reports;

namespace Gateway.CommandLine;

/// <summary>The sub-command <c>usage</c>: prints the ledger's usage as a table or CSV. It may run beside the gateway.</summary>
internal static class UsageCommand
{
    /// <summary>Prints usage.</summary>
    /// <param name="settings">The location of the ledger.</param>
    /// <param name="arguments">The query and the format.</param>
    /// <param name="ledger">Creates the ledger's store, not yet open.</param>
    /// <param name="output">Receives the table.</param>
    /// <param name="error">Receives the fault.</param>
    /// <returns>Whether the ledger was read; a missing file counts as an empty ledger.</returns>
    public static async Task<bool> RunAsync(
        UsageSettings settings, UsageArguments arguments, Func<ILedgerStore> ledger, TextWriter output, TextWriter error)
    {
        // Opening a store creates its file; a query must not.
        if (settings.Store == UsageStore.Sqlite && !File.Exists(settings.Sqlite.Path))
        {
            await WriteAsync([], arguments, output);
            return true;
        }

        try
        {
            await using var store = ledger();
            await store.OpenAsync(CancellationToken.None);
            await WriteAsync(
                await store.ReadUsageAsync(arguments.Group, arguments.From, arguments.To, CancellationToken.None), arguments, output);
            return true;
        }
        catch (LedgerException fault)
        {
            await error.WriteLineAsync($"Usage: the ledger cannot be read: {fault.Message}");
            return false;
        }
    }

    private static Task WriteAsync(IReadOnlyList<UsageRow> rows, UsageArguments arguments, TextWriter output) =>
        arguments.Csv ? output.WriteAsync(TerminalText.EscapeLines(UsageReport.ToCsv(arguments.Group, rows)))
        : rows.Count == 0 ? output.WriteLineAsync(arguments is { From: null, To: null } ? "No usage yet." : "No usage in this time range.")
        : output.WriteAsync(UsageTable.Render(arguments.Group, rows));
}
