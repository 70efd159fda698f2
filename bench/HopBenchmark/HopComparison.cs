using System.Globalization;

namespace HopBenchmark;

/// <summary>The whole run: publishes, starts, measures in turns, reports, and stops the processes that it started.</summary>
internal sealed class HopComparison
{
    private const int Teams = 200;

    private readonly HopComparisonOptions _options;
    private readonly string _folder;
    private readonly string _root = FindRoot();
    private readonly string _published = Path.Combine(AppContext.BaseDirectory, "hops");
    private readonly MarkdownReport _report = new();
    private readonly BusyTime _busy;

    private HopComparison(HopComparisonOptions options, string folder)
    {
        _options = options;
        _folder = folder;
        _busy = new BusyTime(options.Patience, TimeProvider.System);
    }

    /// <summary>The names of the scenarios.</summary>
    public static IReadOnlyList<string> Scenarios { get; } =
    [
        .. RequestScenarios.Sizes, RequestScenarios.Rate, StreamScenarios.Streams, StreamScenarios.ManyStreams,
        BodyScenario.Name, StartScenario.Name, ReloadScenario.Name,
        .. GrowthScenario.Names, AllocationScenario.Name,
    ];

    /// <summary>Runs the selected scenarios. Returns the exit code: 0 without errors and with every goal met or reached.</summary>
    public static async Task<int> RunAsync(HopComparisonOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("hop-benchmark-").FullName;
        try
        {
            var comparison = new HopComparison(options, folder);
            await comparison.RunAsync();
            var report = comparison._report;
            Console.WriteLine(report.GoalsText);
            if (options.Results is { } results)
            {
                await File.WriteAllTextAsync(results, report.Text);
            }

            // A test is too short for meaningful figures.
            return report.Errors == 0 && (options.Test || !report.MissesGoal) ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task RunAsync()
    {
        var gatewayProgram = await Tool.PublishAsync(_root, "Gateway", _published);
        var yarpProgram = await Tool.PublishAsync(_root, "bench/PlainYarp", _published);
        var upstreamProgram = await Tool.PublishAsync(_root, "tools/FakeOpenRouter", _published);
        var recipes = await RecipesAsync(gatewayProgram, yarpProgram);
        var native = await NativeRecipeAsync();
        await WriteHeadAsync(yarpProgram);

        var bodies = new RequestBodies();
        var starter = new HopStarter(Path.Combine(_folder, "hops"), bodies.Chat, HopStarter.FreePort());
        using var upstream = await starter.StartUpstreamAsync(upstreamProgram);
        var direct = upstream with { Process = null };
        var rounds = new Rounds(_options, _busy, upstream.Process!);
        var bench = new Workbench(_options, _folder, bodies, starter, direct, gatewayProgram, recipes, native, rounds, _report);

        var requests = new RequestScenarios(bench);
        await requests.RunAsync();
        await new StreamScenarios(bench).RunAsync();
        await new BodyScenario(bench).RunAsync();
        await new StartScenario(bench).RunAsync();
        await new ReloadScenario(bench).RunAsync(requests.Closed());
        await new GrowthScenario(bench).RunAsync(requests.Closed());
        await new AllocationScenario(bench).RunAsync();

        _report.Write(
            "During the measurements other processes used "
            + $"{MarkdownReport.Number(_busy.OthersPercent, 1)} % of the machine's CPU time.");
    }

    private async Task<IReadOnlyList<HopRecipe>> RecipesAsync(string gatewayProgram, string yarpProgram)
    {
        List<HopRecipe> recipes =
        [
            Tool.Exists("nginx")
                ? new(Hop.Nginx, starter => starter.StartNginxAsync())
                : new(Hop.Nginx, StartAsync: null, "it is not installed"),
            new(Hop.PlainYarp, starter => starter.StartPlainYarpAsync(yarpProgram)),
        ];
        foreach (var (name, program) in (IEnumerable<(string, string)>)[(Hop.Gateway, gatewayProgram), .. _options.OtherGateways])
        {
            recipes.Add(new(name, starter => starter.StartGatewayAsync(name, program, new GatewayShape())));
            recipes.Add(new(name + Hop.WithTeams, starter => starter.StartGatewayAsync(name + Hop.WithTeams, program, new GatewayShape { Teams = Teams })));
        }

        // A test downloads nothing unless it is requested.
        if (_options.Test ? _options.Hops.Contains(Hop.Portkey) : _options.WantsHop(Hop.Portkey))
        {
            recipes.Add(await Portkey.PrepareAsync());
        }

        return [.. recipes.Where(recipe => _options.WantsHop(recipe.Name))];
    }

    private async Task<HopRecipe> NativeRecipeAsync()
    {
        if (_options.Native is not { } folder)
        {
            return new(Hop.NativeTeams, StartAsync: null, "--native FOLDER gives it, or makes it");
        }

        var program = Path.Combine(folder, "Gateway");
        if (!File.Exists(program))
        {
            await Tool.PublishNativeAsync(_root, folder);
        }

        return new(Hop.NativeTeams, starter => starter.StartGatewayAsync(Hop.NativeTeams, program, new GatewayShape { Teams = Teams }));
    }

    private async Task WriteHeadAsync(string yarpProgram)
    {
        var date = TimeProvider.System.GetLocalNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        _report.WriteHead("# Cost of a hop");
        _report.WriteHead();
        _report.WriteHead($"`dotnet run -c Release --project bench/HopBenchmark -- {_options.CommandLine}`, {date}");
        _report.WriteHead();
        foreach (var (name, version) in await Versions.ReadAsync(yarpProgram))
        {
            _report.WriteHead($"- {name}: {version}");
        }

        _report.WriteHead();
        _report.WriteHead(
            $"{_options.Rounds} rounds of {_options.Round.TotalSeconds:0} s each, interleaved; "
            + "medians, minima and maxima of the rounds. CPU is the user and system time of the hop's process.");
        _report.WriteHead();
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
