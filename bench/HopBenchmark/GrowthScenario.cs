using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HopBenchmark;

/// <summary>
/// The cost of a 1 KB chat as one amount grows: rules, teams, keys, rows of the ledger, idle connections, processors. Each is a curve: a row of
/// the table per step, with CPU time relative to the first step.
/// </summary>
internal sealed class GrowthScenario(Workbench bench)
{
    private const string Rules = "rules";
    private const string Teams = "teams";
    private const string Keys = "keys";
    private const string Ledger = "ledger";
    private const string Idle = "idle";
    private const string Processors = "processors";

    private const int FewTeams = 10;
    private const int UsualTeams = 200;

    // Other open files of the load, and the connections of wrk.
    private const int OtherFiles = 1_000;

    // More connection attempts at a time would overflow the queue of the listening socket.
    private const int ConnectsAtATime = 100;

    private static readonly Figure Start = new("first answer ms", 0);
    private static readonly Figure IdleKilobytes = new("KB a connection", 1);
    private static readonly Figure Usage = new("usage by team ms", 1);
    private static readonly Figure UsageByModel = new("usage by model ms", 1);
    private static readonly Figure Requests = new("latest requests ms", 1);

    private static readonly byte[] LiveRequest = Encoding.ASCII.GetBytes("GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n");

    // A report by model reads all rows.
    private static readonly HttpClient Client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout.InfiniteTimeSpan };

    private readonly int[] _amounts = bench.Options.Test ? [FewTeams, 2 * FewTeams] : [FewTeams, 100, 1_000, 10_000];

    /// <summary>The names of the curves.</summary>
    public static IReadOnlyList<string> Names { get; } = [Rules, Teams, Keys, Ledger, Idle, Processors];

    /// <summary>Measures the selected curves.</summary>
    /// <param name="closed">The 1 KB chat in a closed loop.</param>
    public async Task RunAsync(Scenario closed)
    {
        foreach (var (name, measureAsync) in ((string, Func<Scenario, Task>)[])
            [
                (Rules, RulesAsync),
                (Teams, TeamsAsync),
                (Keys, KeysAsync),
                (Ledger, LedgerAsync),
                (Idle, IdleAsync),
                (Processors, ProcessorsAsync),
            ])
        {
            if (bench.Options.Wants(name))
            {
                await measureAsync(closed with { RowTitle = name });
            }
        }
    }

    private async Task RulesAsync(Scenario closed)
    {
        var scenario = closed with { Title = "1 KB chat, rules, no team" };
        var table = await CurveAsync(
            scenario, [.. _amounts.Select(rules => StepOf(rules, new GatewayShape { Rules = rules }))], "The last rule matches.");
        var most = Text(_amounts[^1]);
        bench.Report.Judge(table, most, Figure.CpuRatio(Text(_amounts[0])), $"{most} rules: CPU a request ÷ {Text(_amounts[0])} rules", 1.05);
    }

    private async Task TeamsAsync(Scenario closed) => await CurveAsync(
        closed with { Title = "1 KB chat, everything on, teams with a key, limits and a budget each" },
        [.. _amounts.Select(teams => StepOf(teams, new GatewayShape { Teams = teams }))],
        "The keys of all teams take turns.");

    private async Task KeysAsync(Scenario closed) => await CurveAsync(
        closed with { Title = "1 KB chat, everything on, keys of ten teams" },
        [.. _amounts.Select(keys => StepOf(keys, new GatewayShape { Teams = FewTeams, KeysPerTeam = keys / FewTeams }))],
        "All keys take turns.");

    private async Task LedgerAsync(Scenario closed)
    {
        var ledgers = Path.Combine(bench.Folder, "ledgers");
        await CurveAsync(
            closed with { Title = "1 KB chat, everything on, rows in the SQLite ledger" },
            [
                .. (bench.Options.Test ? (int[])[0, 1_000] : [0, 100_000, 1_000_000, 10_000_000]).Select(rows => new Step(
                    rows,
                    async (starter, name) =>
                    {
                        var shape = new GatewayShape { Teams = UsualTeams, Data = Path.Combine(ledgers, Text(rows)) };
                        await LedgerFiller.FillAsync(starter, bench.GatewayProgram, shape, rows);
                        return await starter.StartGatewayAsync(name, bench.GatewayProgram, shape);
                    })),
            ],
            "The rows are settled calls of thirty days. The reports are those of the admin address over these days: by team from the sums of days, by "
            + "model from the rows; the latest requests are a page of fifty.",
            reportAsync: ReportAsync);
        Directory.Delete(ledgers, recursive: true);
    }

    private async Task ReportAsync(Hop hop, ResultTable table)
    {
        // From the beginning of a day on: hours of a day are no sum.
        var from = TimeProvider.System.GetUtcNow().AddDays(-29).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            table.Add(hop.Name, Usage, await TimeAsync($"usage?from={from}"));
            table.Add(hop.Name, UsageByModel, await TimeAsync($"usage?from={from}&group=model"));
            table.Add(hop.Name, Requests, await TimeAsync("requests?limit=50"));
        }

        async Task<double> TimeAsync(string path)
        {
            var start = Stopwatch.GetTimestamp();
            using var response = await Client.GetAsync(new Uri(hop.Admin!, path));
            await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }

    private async Task IdleAsync(Scenario closed)
    {
        int[] amounts = bench.Options.Test ? [0, 20] : [0, 1_000, 10_000];
        OpenFiles.Require(amounts.Sum() + OtherFiles);
        var idle = new List<Socket>();
        var kilobytes = new Dictionary<string, double>();
        try
        {
            await CurveAsync(
                closed with { Title = "1 KB chat, everything on, beside idle connections" },
                [
                    .. amounts.Select(connections => new Step(connections, async (starter, name) =>
                    {
                        var shape = new GatewayShape { Teams = UsualTeams, IdleConnections = connections };
                        var hop = await starter.StartGatewayAsync(name, bench.GatewayProgram, shape);
                        var before = hop.Process!.ResidentMegabytes;
                        await OpenIdleAsync(hop.Url.Port, connections, idle);
                        kilobytes.Add(name, 1024 * (hop.Process.ResidentMegabytes - before) / Math.Max(1, connections));
                        return hop;
                    })),
                ],
                "Each idle connection has had one response, and is open at the end. Their memory is the resident memory of the started gateway with "
                + "them less that before.",
                reportAsync: (hop, table) =>
                {
                    table.Add(hop.Name, IdleKilobytes, kilobytes[hop.Name]);
                    return Task.CompletedTask;
                });
            if (idle.Exists(static socket => socket.Poll(TimeSpan.Zero, SelectMode.SelectRead)))
            {
                throw new InvalidOperationException("the gateway has closed an idle connection");
            }
        }
        finally
        {
            idle.ForEach(static socket => socket.Dispose());
        }
    }

    private static async Task OpenIdleAsync(int port, int connections, List<Socket> idle)
    {
        for (var opened = 0; opened < connections; opened += ConnectsAtATime)
        {
            idle.AddRange(await Task.WhenAll(
                Enumerable.Range(0, Math.Min(ConnectsAtATime, connections - opened)).Select(_ => OpenIdleAsync(port))));
        }
    }

    private static async Task<Socket> OpenIdleAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await socket.SendAsync(LiveRequest);
        var answer = new byte[1024];
        var head = Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer));
        return head.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) && !head.Contains("\r\nConnection: close", StringComparison.OrdinalIgnoreCase)
            ? socket
            : throw new InvalidOperationException($"the gateway does not keep a connection: {head}");
    }

    private async Task ProcessorsAsync(Scenario closed) => await CurveAsync(
        closed with { Title = "1 KB chat, everything on, by the processors of the gateway" },
        [
            .. ((int[])[1, Environment.ProcessorCount]).Distinct().Select(
                processors => StepOf(processors, new GatewayShape { Teams = UsualTeams, Processors = processors })),
        ],
        "The load and the upstream share all processors in each row.");

    private Step StepOf(int amount, GatewayShape shape) =>
        new(amount, (starter, name) => starter.StartGatewayAsync(name, bench.GatewayProgram, shape));

    /// <param name="closed">The load.</param>
    /// <param name="steps">The gateways, the first of which is the one that the others are compared with.</param>
    /// <param name="note">How to read the table.</param>
    /// <param name="reportAsync">Adds other figures of a hop after the rounds.</param>
    private async Task<ResultTable> CurveAsync(
        Scenario closed, IReadOnlyList<Step> steps, string note, Func<Hop, ResultTable, Task>? reportAsync = null)
    {
        using var hops = await HopSet.StartAsync(
            bench.Starter, steps.Select(step => new HopRecipe(step.Name, starter => step.StartAsync(starter, step.Name))), direct: null);
        foreach (var hop in hops.Hops)
        {
            // The first call of each key reads the ledger. A turn of the load may be too short for all of them.
            await RawLoad.RunAsync(hop, bench.Bodies.Chat, connections: 1, hop.Keys.Count);
        }

        var scenario = closed with { Baseline = steps[0].Name };
        var table = await bench.Rounds.CompareAsync(scenario, hops);
        foreach (var hop in hops.Hops)
        {
            table.Add(hop.Name, Start, hop.StartTime.TotalMilliseconds);
            await (reportAsync?.Invoke(hop, table) ?? Task.CompletedTask);
        }

        bench.Report.WriteTable(
            table,
            note,
            scenario.PerSecond,
            Figure.P50,
            Figure.P99,
            scenario.Cpu,
            scenario.CpuRatio,
            Start,
            Figure.Peak,
            IdleKilobytes,
            Usage,
            UsageByModel,
            Requests,
            Figure.Errors);
        return table;
    }

    private static string Text(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A step of a curve: its amount, and the way to start its gateway.</summary>
    private sealed record Step(int Amount, Func<HopStarter, string, Task<Hop>> StartAsync)
    {
        /// <summary>The name of its row.</summary>
        public string Name => Text(Amount);
    }
}
