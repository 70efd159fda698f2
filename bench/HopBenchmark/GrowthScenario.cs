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
    private static readonly HttpClient Client = new(new SocketsHttpHandler { UseProxy = false });

    /// <summary>The names of the curves.</summary>
    public static IReadOnlyList<string> Names { get; } = [Rules, Teams, Keys, Ledger, Idle, Processors];

    /// <summary>Measures the selected curves.</summary>
    /// <param name="closed">The 1 KB chat in a closed loop.</param>
    public async Task RunAsync(Scenario closed)
    {
        int[] amounts = bench.Options.Test ? [FewTeams, 2 * FewTeams] : [FewTeams, 100, 1_000, 10_000];
        await RulesAsync(closed, amounts);
        if (bench.Options.Wants(Teams))
        {
            await CurveAsync(
                closed,
                "1 KB chat, everything on, teams with a key, limits and a budget each",
                [.. amounts.Select(teams => StepOf($"{Text(teams)} teams", new GatewayShape { Teams = teams }))],
                "The keys of all teams take turns.");
        }

        if (bench.Options.Wants(Keys))
        {
            await CurveAsync(
                closed,
                "1 KB chat, everything on, keys of ten teams",
                [
                    .. amounts.Select(keys => StepOf(
                        $"{Text(keys)} keys", new GatewayShape { Teams = FewTeams, KeysPerTeam = keys / FewTeams })),
                ],
                "All keys take turns.");
        }

        if (bench.Options.Wants(Ledger))
        {
            await LedgerAsync(closed);
        }

        if (bench.Options.Wants(Idle))
        {
            await IdleAsync(closed);
        }

        if (bench.Options.Wants(Processors))
        {
            await CurveAsync(
                closed,
                "1 KB chat, everything on, by the processors of the gateway",
                [
                    StepOf("all processors", new GatewayShape { Teams = UsualTeams }),
                    StepOf("one processor", new GatewayShape { Teams = UsualTeams, Processors = "0" }),
                ],
                $"The machine has {Text(Environment.ProcessorCount)}, which the load and the upstream share in both rows.");
        }
    }

    private async Task RulesAsync(Scenario closed, int[] amounts)
    {
        if (!bench.Options.Wants(Rules))
        {
            return;
        }

        var (table, scenario) = await CurveAsync(
            closed,
            "1 KB chat, rules, no team",
            [.. amounts.Select(rules => StepOf($"{Text(rules)} rules", new GatewayShape { Rules = rules }))],
            "The last rule matches.");
        bench.Report.Judge(table, $"{Text(amounts[^1])} rules", scenario.CpuRatio, $"{Text(amounts[^1])} rules: CPU a request ÷ ten rules", 1.05);
    }

    private async Task LedgerAsync(Scenario closed)
    {
        var ledgers = Path.Combine(bench.Folder, "ledgers");
        await CurveAsync(
            closed,
            "1 KB chat, everything on, rows in the SQLite ledger",
            [
                .. (bench.Options.Test ? (int[])[0, 1_000] : [0, 100_000, 1_000_000, 10_000_000]).Select(rows => new Step(
                    $"{Text(rows)} rows",
                    async (starter, name) =>
                    {
                        var shape = new GatewayShape { Teams = UsualTeams, Data = Path.Combine(ledgers, Text(rows)) };
                        await LedgerFiller.FillAsync(starter, bench.GatewayProgram, shape, rows);
                        return await starter.StartGatewayAsync(name, bench.GatewayProgram, shape);
                    })),
            ],
            "The rows are settled calls of the last thirty days. The reports are those of the admin address over these days: by team from the sums of "
            + "days, by model from the rows; the latest requests are a page of fifty.",
            ReportsAsync);
        Directory.Delete(ledgers, recursive: true);
    }

    private async Task ReportsAsync(Hop hop, ResultTable table)
    {
        table.Add(hop.Name, Usage, await TimeAsync("usage?last=30d"));
        table.Add(hop.Name, UsageByModel, await TimeAsync("usage?last=30d&group=model"));
        table.Add(hop.Name, Requests, await TimeAsync("requests?limit=50"));

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
        try
        {
            await CurveAsync(
                closed,
                "1 KB chat, everything on, beside idle connections",
                [
                    .. amounts.Select(connections =>
                        StepOf($"{Text(connections)} idle", new GatewayShape { Teams = UsualTeams, IdleConnections = connections })),
                ],
                "Each idle connection has had one response. Their memory is the resident memory after they are opened less that before.",
                settleAsync: async (hop, table) =>
                {
                    var connections = amounts[table.Rows.Count];
                    var before = hop.Process!.ResidentMegabytes;
                    for (var opened = 0; opened < connections; opened += ConnectsAtATime)
                    {
                        idle.AddRange(await Task.WhenAll(
                            Enumerable.Range(0, Math.Min(ConnectsAtATime, connections - opened)).Select(_ => OpenIdleAsync(hop.Url.Port))));
                    }

                    table.Add(hop.Name, IdleKilobytes, 1024 * (hop.Process.ResidentMegabytes - before) / Math.Max(1, connections));
                });
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    private static async Task<Socket> OpenIdleAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await socket.SendAsync(LiveRequest);
        var answer = new byte[1024];
        return await socket.ReceiveAsync(answer) > 0
            ? socket
            : throw new InvalidOperationException("The gateway closed a connection that should stay idle.");
    }

    private Step StepOf(string name, GatewayShape shape) =>
        new(name, (starter, hop) => starter.StartGatewayAsync(hop, bench.GatewayProgram, shape));

    /// <param name="closed">The load.</param>
    /// <param name="title">The heading.</param>
    /// <param name="steps">The gateways, the first of which is the one that the others are compared with.</param>
    /// <param name="note">How to read the table.</param>
    /// <param name="reportsAsync">Measures something else after the rounds.</param>
    /// <param name="settleAsync">Prepares a warm hop for the rounds.</param>
    private async Task<(ResultTable Table, Scenario Scenario)> CurveAsync(
        Scenario closed,
        string title,
        IReadOnlyList<Step> steps,
        string note,
        Func<Hop, ResultTable, Task>? reportsAsync = null,
        Func<Hop, ResultTable, Task>? settleAsync = null)
    {
        using var hops = await HopSet.StartAsync(
            bench.Starter, steps.Select(step => new HopRecipe(step.Name, starter => step.StartAsync(starter, step.Name))), direct: null);
        var scenario = closed with { Title = title, Baseline = steps[0].Name };
        var table = await bench.Rounds.CompareAsync(scenario, hops, settleAsync);
        foreach (var hop in hops.Hops)
        {
            table.Add(hop.Name, Start, hop.StartTime.TotalMilliseconds);
            for (var round = 0; round < bench.Options.Rounds && reportsAsync is not null; round++)
            {
                await reportsAsync(hop, table);
            }
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
        return (table, scenario);
    }

    private static string Text(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A step of a curve: the name of its row, and the way to start its gateway.</summary>
    private sealed record Step(string Name, Func<HopStarter, string, Task<Hop>> StartAsync);
}
