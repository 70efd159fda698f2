using System.Globalization;

namespace HopBenchmark;

/// <summary>The whole run: publish, start, warm up, measure in turns, report, end what was started.</summary>
internal sealed class HopComparison
{
    // The compiler of hot code waits for calm; several short turns reach it sooner than one long one.
    private const int WarmUps = 4;
    private const string Rate = "rate";

    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(200);

    private readonly HopComparisonOptions _options;
    private readonly string _folder;
    private readonly MarkdownReport _report = new();
    private readonly RequestBodies _bodies = new();
    private readonly BusyTime _busy;
    private readonly HopStarter _starter;

    private HopComparison(HopComparisonOptions options, string folder)
    {
        _options = options;
        _folder = folder;
        _busy = new BusyTime(options.Patience, TimeProvider.System);
        _starter = new HopStarter(folder, _bodies.Chat);
    }

    /// <summary>Runs everything that was asked for; returns the exit code: 0 without an error and with every goal met.</summary>
    public static async Task<int> RunAsync(HopComparisonOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("hop-benchmark-").FullName;
        var comparison = new HopComparison(options, folder);
        await comparison.RunAsync();
        Directory.Delete(folder, recursive: true);

        var report = comparison._report;
        if (options.Results is { } results)
        {
            await File.WriteAllTextAsync(results, report.Text);
        }

        // A test is too short for its figures to mean anything.
        return report.Errors == 0 && (options.Test || report.Missed.Count == 0) ? 0 : 1;
    }

    private async Task RunAsync()
    {
        var root = FindRoot();
        var published = Path.Combine(AppContext.BaseDirectory, "hops");
        var gatewayProgram = await Tool.PublishAsync(root, "Gateway", published);
        var yarpProgram = await Tool.PublishAsync(root, "bench/PlainYarp", published);
        var upstreamProgram = await Tool.PublishAsync(root, "tools/FakeOpenRouter", published);
        await WriteHeadAsync(yarpProgram);

        using var upstream = await _starter.StartUpstreamAsync(upstreamProgram);
        var direct = upstream with { Process = null };
        await CompareAsync(upstream.Process!, direct, yarpProgram, gatewayProgram);

        if (_options.Wants("memory"))
        {
            using var gateway = await _starter.StartGatewayAsync(Hop.Gateway, gatewayProgram);
            await MeasureMemoryAsync(gateway);
        }

        if (_options.Wants("allocation"))
        {
            await MeasureAllocationAsync(direct);
        }

        _report.Write(
            "While the hops were measured, everything else on the machine took "
            + $"{MarkdownReport.Number(_busy.OthersPercent, 1)} % of its processors' time.");
    }

    private async Task WriteHeadAsync(string yarpProgram)
    {
        var date = TimeProvider.System.GetLocalNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        _report.Write("# What a hop costs");
        _report.Write();
        _report.Write($"`dotnet run -c Release --project bench/HopBenchmark -- {_options.CommandLine}`, {date}");
        _report.Write();
        foreach (var (name, version) in await Versions.ReadAsync(yarpProgram))
        {
            _report.Write($"- {name}: {version}");
        }

        _report.Write();
        _report.Write(
            $"{_options.Rounds} rounds of {_options.Round.TotalSeconds:0} s each, interleaved; "
            + "medians, and the least and the most of the rounds. CPU is the hop's own user and system time.");
        _report.Write();
    }

    private async Task CompareAsync(MeasuredProcess upstream, Hop direct, string yarpProgram, string gatewayProgram)
    {
        using var streams = new StreamLoad(_bodies.Chat);
        var scenarios = Scenarios(streams).Where(scenario => _options.Wants(scenario.Name)).ToArray();
        if (scenarios.Length == 0 && !_options.Wants(Rate))
        {
            return;
        }

        List<Hop> hops = [direct];
        try
        {
            if (Tool.Exists("nginx") && _options.WantsHop(Hop.Nginx))
            {
                hops.Add(await _starter.StartNginxAsync());
            }

            if (_options.WantsHop(Hop.PlainYarp))
            {
                hops.Add(await _starter.StartPlainYarpAsync(yarpProgram));
            }

            if (_options.WantsHop(Hop.Gateway))
            {
                hops.Add(await _starter.StartGatewayAsync(Hop.Gateway, gatewayProgram));
            }

            foreach (var (name, program) in _options.OtherGateways.Where(other => _options.WantsHop(other.Name)))
            {
                hops.Add(await _starter.StartGatewayAsync(name, program));
            }

            if (_options.WantsHop(Hop.GatewayTeams) && (_options.Wants(Rate) || scenarios.Any(scenario => scenario.WithTeams)))
            {
                hops.Add(await _starter.StartGatewayWithTeamsAsync(Hop.GatewayTeams, gatewayProgram));
            }

            foreach (var scenario in scenarios)
            {
                _report.WriteScenario(scenario, await MeasureAsync(scenario, [.. hops.Where(scenario.Includes)], upstream));
            }

            if (_options.Wants(Rate))
            {
                await MeasureRateAsync([.. hops.Where(hop => hop.Name != Hop.Nginx)], upstream);
            }
        }
        finally
        {
            foreach (var hop in hops)
            {
                hop.Dispose();
            }
        }
    }

    private IEnumerable<Scenario> Scenarios(StreamLoad streams)
    {
        yield return Requests("1KB", "1 KB chat", _bodies.Chat, connections: 8, goal: 1.10, testRequests: 400, withTeams: true);
        yield return Requests("100KB", "100 KB conversation", _bodies.Conversation, connections: 8, goal: 1.35, testRequests: 200);
        yield return Requests("5MB", "5 MB image", _bodies.Image5, connections: 4, goal: 1.10, testRequests: 12);
        yield return Requests("20MB", "20 MB image", _bodies.Image20, connections: 2, goal: null, testRequests: 4);

        var (count, texts, interval) = _options.Test ? (20, 10, TimeSpan.FromMilliseconds(20)) : (500, 50, TimeSpan.FromMilliseconds(100));
        yield return new Scenario(
            "streams",
            $"{count} event streams, {texts} events of text each, one every {interval.TotalMilliseconds} ms",
            "event",
            Goal: null,
            WithTeams: false,
            hop => streams.RunAsync(hop, count / 2, texts, interval / 5),
            hop => streams.RunAsync(hop, count, texts, interval));
    }

    private Scenario Requests(
        string name, string title, byte[] body, int connections, double? goal, int testRequests, bool withTeams = false)
    {
        var file = Path.Combine(_folder, name + ".json");
        File.WriteAllBytes(file, body);
        Func<Hop, Task<LoadResult>> loadAsync = _options.Test
            ? hop => RawLoad.RunAsync(hop, body, connections, testRequests)
            : hop => WrkLoad.RunAsync(hop, file, connections, _options.Round);
        return new Scenario(name, $"{title}, {connections} connections", "request", goal, withTeams, loadAsync, loadAsync);
    }

    private async Task<List<(Hop Hop, List<Measurement> Rounds)>> MeasureAsync(Scenario scenario, List<Hop> hops, MeasuredProcess upstream)
    {
        var results = hops.Select(hop => (Hop: hop, Rounds: new List<Measurement>())).ToList();
        for (var warmUp = 0; warmUp < (_options.Test ? 1 : WarmUps); warmUp++)
        {
            foreach (var hop in hops)
            {
                await scenario.WarmUpAsync(hop);
            }
        }

        for (var round = 0; round < _options.Rounds; round++)
        {
            // Another hop begins in every round, so that none always follows the same neighbour.
            for (var turn = 0; turn < results.Count; turn++)
            {
                var (hop, rounds) = results[(round + turn) % results.Count];
                MeasuredProcess[] ours = hop.Process is { } process ? [upstream, process] : [upstream];
                rounds.Add(await _busy.MeasureAsync(ours, () => MeasureAsync(scenario, hop)));
                await Task.Delay(Settling);
            }
        }

        return results;
    }

    private async Task MeasureRateAsync(List<Hop> hops, MeasuredProcess upstream)
    {
        var closed = Requests("rate-max", "", _bodies.Chat, connections: 8, goal: null, testRequests: 400, withTeams: true);
        var most = new List<double>();
        foreach (var hop in hops)
        {
            for (var warmUp = 0; warmUp < (_options.Test ? 1 : WarmUps); warmUp++)
            {
                await closed.WarmUpAsync(hop);
            }

            most.Add((await MeasureAsync(closed, hop)).CountPerSecond);
        }

        // One rate for all, so that what they add can be compared.
        var round = _options.Test ? TimeSpan.FromMilliseconds(500) : _options.Round;
        var rate = Math.Floor(most.Min() / 2);
        var open = closed with
        {
            Title = $"1 KB chat at a fixed {MarkdownReport.Number(rate, 0)} requests a second, half of what the slowest hop can do",
            WarmUpAsync = hop => PacedLoad.RunAsync(hop, _bodies.Chat, rate, round / 4),
            RunAsync = hop => PacedLoad.RunAsync(hop, _bodies.Chat, rate, round),
        };
        _report.WriteRate(open, await MeasureAsync(open, hops, upstream));
    }

    private static async Task<Measurement> MeasureAsync(Scenario scenario, Hop hop)
    {
        hop.Process?.ResetPeak();
        var before = hop.Process?.CpuTime;
        var load = await scenario.RunAsync(hop);
        return new Measurement(load, hop.Process?.CpuTime - before, hop.Process?.PeakMegabytes);
    }

    private async Task MeasureMemoryAsync(Hop gateway)
    {
        var peak = await BodyMemory.RunAsync(gateway, _bodies.Image20);
        _report.Write($"## {BodyMemory.Bodies} bodies of 20 MB at once");
        _report.Write();
        _report.Write(
            "All are held back before their last byte, so that the gateway has every one whole at the same time; "
            + $"{BodyMemory.Waves} waves, a fresh process.");
        _report.Write();
        _report.WriteGoal(
            "memory",
            $"{MarkdownReport.Number(peak, 0)} MB peak resident (VmHWM)",
            peak < BodyMemory.GoalMegabytes,
            $"under {MarkdownReport.Number(BodyMemory.GoalMegabytes, 0)} MB");
        _report.FlushGoals();
    }

    private async Task MeasureAllocationAsync(Hop direct)
    {
        var console = Console.Out;
        await using var log = new StreamWriter(Path.Combine(_folder, "in-process.log"));
        Console.SetOut(TextWriter.Synchronized(log));
        var gateway = await _starter.StartInProcessAsync(AppContext.BaseDirectory);
        var rows = new List<(string Name, long Body, long Allocated)>();
        foreach (var (name, body, requests) in ((string, byte[], int)[])
            [
                ("1 KB", _bodies.Chat, 4_000),
                ("100 KB", _bodies.Conversation, 1_000),
                ("5 MB", _bodies.Image5, 80),
                ("20 MB", _bodies.Image20, 20),
            ])
        {
            rows.Add((name, body.Length, await Allocation.MeasureAsync(direct, gateway, body, _options.Test ? requests / 10 : requests)));
        }

        Console.SetOut(console);
        _report.Write("## Allocation");
        _report.Write();
        _report.Write("| body | bytes allocated a request | of the body |");
        _report.Write("|---|--:|--:|");
        foreach (var (name, body, allocated) in rows)
        {
            _report.Write($"| {name} | {MarkdownReport.Number(allocated, 0)} | {MarkdownReport.Number(100.0 * allocated / body, 2)} % |");
        }

        _report.Write();
        var growth = (double)(rows[2].Allocated - rows[0].Allocated) / (rows[2].Body - rows[0].Body);
        _report.WriteGoal(
            "allocation",
            $"{MarkdownReport.Number(1000 * growth, 1)} bytes more for each KB more of body",
            growth < Allocation.GoalGrowth,
            "no allocation that grows with the body");
        _report.FlushGoals();
    }

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "OpenRouterGateway.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException("not in a clone: there is no OpenRouterGateway.sln above this program");
    }
}
