using System.Text.RegularExpressions;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Ledger;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Runs the commands of <c>docs/operations.md</c> on a ledger with the calls of their examples.</summary>
public sealed partial class OperationsCommandsTests : IDisposable
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md"));

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Commands_PrintWhatTheDocumentShows()
    {
        await using (var store = new SqliteLedgerStore(_folder.File("usage.db")))
        {
            await store.OpenAsync(Cancel);
            await store.ApplyAsync([.. Entries()], Cancel);
        }

        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("appsettings.json", ShippedSettings.With(
            ("Teams", $"[ {TeamSetup.Team()} ]"), ("Usage", $$"""{ "Sqlite": { "Path": "{{_folder.File("usage.db")}}" } }""")));
        var examples = Example().Matches(Document);
        Assert.Equal(
            DocumentShell.Commands(Document), examples.Select(static example => "gateway " + example.Groups["arguments"].Value));

        foreach (Match example in examples)
        {
            var run = await GatewayCommandRun.RunAsync(DocumentShell.Arguments(example.Groups["arguments"].Value), _folder.Path);

            Assert.Equal((0, example.Groups["output"].Value, ""), (run.ExitCode, run.Out.ReplaceLineEndings("\n"), run.Error));
        }
    }

    /// <summary>The calls of the report, and before them those of the outage.</summary>
    private static IEnumerable<LedgerEntry> Entries() =>
    [
        .. Settled(120, "openai/gpt-4o", new Usage { PromptTokens = 90_000, CompletionTokens = 21_000, Cost = new PicoDollars(1_250_000_000_000) }),
        .. Settled(79, "mistralai/codestral", new Usage { PromptTokens = 20_000, CompletionTokens = 9_000, Cost = PicoDollars.Zero }),
        .. Call("mistralai/codestral", 20, 12_300_000_000, LedgerSamples.Provisional),
        .. Enumerable.Range(0, 12).SelectMany(static i => Call(
            "openai/gpt-4o", -10, i == 0 ? 150_000_000_000 : 100_000_000_000, static (id, _) => LedgerSamples.Unresolvable(id))),
    ];

    /// <summary>Settled calls; the first has all tokens and the whole cost.</summary>
    private static IEnumerable<LedgerEntry> Settled(int count, string model, Usage usage) => Enumerable.Range(0, count).SelectMany(
        i => Call(model, 10, 0, (id, _) => LedgerSamples.Settled(id, 0) with { Usage = i == 0 ? usage : new Usage { Cost = PicoDollars.Zero } }));

    private static IEnumerable<LedgerEntry> Call(string model, int day, long reserved, Func<Guid, DateTimeOffset?, LedgerEntry> end)
    {
        var at = new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero).AddDays(day);
        var id = LedgerSamples.NewId(at);
        return [LedgerSamples.Began(id, reserved: reserved, at: at) with { SentModel = model }, end(id, at)];
    }

    [GeneratedRegex(@"^```\n\$ gateway (?<arguments>.*?)\n(?<output>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Example();
}
