using System.Globalization;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.CommandLine;

/// <summary>
/// The sub-command <c>write-off</c>: sets calls of unknown cost to zero, with a reason. It may run beside the gateway, whose budgets follow
/// within minutes. It is the only way to change an amount: the admin address cannot.
/// </summary>
internal static class WriteOffCommand
{
    /// <summary>Writes off calls, or prints the calls that would be written off.</summary>
    /// <param name="settings">The location of the ledger; the path of a file is absolute.</param>
    /// <param name="arguments">The calls and the reason.</param>
    /// <param name="ledger">Creates the ledger's store, not yet open.</param>
    /// <param name="time">The clock.</param>
    /// <param name="output">Receives the count and the sum.</param>
    /// <param name="error">Receives the fault.</param>
    /// <returns>Whether the ledger was read and, unless it is a dry run, written.</returns>
    public static async Task<bool> RunAsync(
        UsageSettings settings,
        WriteOffArguments arguments,
        Func<ILedgerStore> ledger,
        TimeProvider time,
        TextWriter output,
        TextWriter error)
    {
        // Opening a store creates its file.
        if (settings.Store == UsageStore.Sqlite && !File.Exists(settings.Sqlite.Path))
        {
            await error.WriteLineAsync(UsageCommand.MissingLedger(settings));
            return false;
        }

        var query = new WriteOffQuery(arguments.Team, arguments.Until, arguments.Id);
        try
        {
            await using var store = ledger();
            await store.OpenAsync(CancellationToken.None);
            var rows = arguments.IsDryRun
                ? await store.ReadUnresolvedAsync(query, CancellationToken.None)
                : await store.WriteOffAsync(query, arguments.Reason, time.GetUtcNow(), CancellationToken.None);
            await WriteAsync(rows, arguments, output);
            return true;
        }
        catch (LedgerException fault)
        {
            await error.WriteLineAsync($"Usage: the ledger cannot be {(arguments.IsDryRun ? "read" : "written")}: {fault.Message}");
            return false;
        }
    }

    private static async Task WriteAsync(IReadOnlyList<UnresolvedRow> rows, WriteOffArguments arguments, TextWriter output)
    {
        if (arguments.IsDryRun)
        {
            foreach (var row in rows)
            {
                await output.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{row.StartedAt:yyyy-MM-dd'T'HH:mm:ss'Z'}  {(row.GenerationId is { } id ? Printable(id) : row.Id.ToString())}  {Printable(row.KeyLabel)}  {Printable(row.Model)}  {row.Reserved} USD"));
            }
        }

        var sum = rows.Aggregate(PicoDollars.Zero, static (sum, row) => sum + row.Reserved);
        await output.WriteLineAsync(
            rows.Count == 0 ? $"Team {arguments.Team} has no unresolved calls that match."
            : $"{rows.Count} {(rows.Count == 1 ? "call" : "calls")} of team {arguments.Team}, {sum} USD in all, "
                + $"{(rows.Count == 1 ? "is" : "are")} {(arguments.IsDryRun ? "unresolved and would be written off" : "written off")}.");
    }

    // Names of models come from clients.
    private static string Printable(string name) =>
        name.Length == 0 ? "(none)" : TerminalText.Escape(name);
}
