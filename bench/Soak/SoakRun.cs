using System.Diagnostics;
using System.Globalization;

namespace Soak;

/// <summary>The whole run: publishes, starts, loads, waits for quiet, checks, reports, and stops the processes that it started.</summary>
internal sealed class SoakRun
{
    // The allowed growth of memory per minute in the second half of the load: the noise of a collector that keeps a pool for uploads of 20
    // MB.
    private const double MostMegabytesPerMinute = 3;

    // A machine with two processors has about twenty-five threads: pool, collector, compiler, timers, sockets.
    private const int MostThreads = 64;

    // The gateway gives an error event 50 ms to reach the socket before it aborts the connection. On a busy machine this is sometimes not
    // enough: one in fifty is allowed, and one in a short run.
    private const double SilentBreaks = 0.02;

    // In a shorter run memory is still warming up, and rare kinds of calls may not happen.
    private static readonly TimeSpan LongEnough = TimeSpan.FromMinutes(3);

    // Connections to upstream are kept for a minute; missing bills are queried within a minute or two.
    private static readonly TimeSpan QuietPatience = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ChangeBound = TimeSpan.FromSeconds(5);

    private readonly SoakOptions _options;
    private readonly string _folder;
    private readonly Outcomes _outcomes = new();
    private readonly CheckList _checks = new();

    private SoakRun(SoakOptions options, string folder)
    {
        _options = options;
        _folder = folder;
    }

    /// <summary>Runs everything. Returns the exit code: 0 if all checks hold.</summary>
    public static Task<int> RunAsync(SoakOptions options, CancellationToken cancellationToken) =>
        RunFolder.UseAsync("soak-", folder => new SoakRun(options, folder).RunAsync(cancellationToken));

    private async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var (gatewayFolder, upstreamProgram) = await Programs.PublishAsync(_options.Gateway);

        var upstreamPort = Programs.FreePort();
        using var upstream = ServedProcess.Start(
            _folder, "upstream", ["dotnet", upstreamProgram, "--no-record", "--book", "--port", Bodies.Number(upstreamPort)]);
        await Programs.WaitAsync(upstream, new Uri($"http://127.0.0.1:{upstreamPort}/api/v1/models"));
        var eventsAround = await Programs.EventsAroundAsync(upstreamPort, endpoints: 3);
        var prng = new Prng(_options.Seed);
        using var setup = await GatewaySetup.CreateAsync(gatewayFolder, _folder, ChangeBound, _outcomes, new Prng(prng.Next()));
        using var gateway = ServedProcess.Start(
            _folder, "gateway", [.. setup.Command, "--openrouter-base-url", $"http://127.0.0.1:{upstreamPort}/api/v1"]);
        await Programs.WaitAsync(gateway, new Uri($"http://127.0.0.1:{setup.Port}/health/ready"));

        // The connections of the readiness probe are closed by then.
        await Task.Delay(BetweenLooks, cancellationToken);
        var sampler = new Sampler(gateway);
        var idle = sampler.Take();
        await Console.Error.WriteLineAsync($"seed {_options.Seed}; {_options.Workers} clients for {_options.Load.TotalMinutes} minutes");
        using var stopSampling = new CancellationTokenSource();
        sampler.BeginLoad();
        var sampling = sampler.RunAsync(stopSampling.Token);
        var target = new Target(setup.Port, setup.AdminPort, setup.Changer, eventsAround);
        var took = await LoadAsync(target, prng, gateway, cancellationToken);
        var (quiet, ledger) = await WaitForQuietAsync(gateway, sampler, setup.Settings, idle);
        await stopSampling.CancelAsync();
        await sampling;
        var samples = sampler.Samples;
        var memory = Trend.Of(
            [.. samples.Where(sample => sample.At >= _options.Load / 2 && sample.At <= _options.Load)
                .Select(sample => (sample.At.TotalMinutes, sample.Megabytes))]);

        Judge(samples, idle, quiet, memory, ledger, setup.Changer);
        await JudgeEndAsync(gateway);
        await ReportAsync(samples, idle, quiet, memory, ledger, setup.Changer, took);
        return _checks.Hold;
    }

    private async Task<TimeSpan> LoadAsync(Target target, Prng prng, ServedProcess gateway, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stop.CancelAfter(_options.Load);
        var callers = Enumerable.Range(1, _options.Workers)
            .Select(number => new Caller($"client {number}", target, _outcomes, prng.Next()))
            .ToList();
        try
        {
            var changing = target.Settings.RunAsync(stop.Token);
            var watching = EndWithAsync(gateway, stop);
            await Task.WhenAll(callers.Select(caller => Task.Run(() => caller.RunAsync(stop.Token), CancellationToken.None)));
            await changing;
            await watching;
        }
        finally
        {
            callers.ForEach(caller => caller.Dispose());
        }

        return Stopwatch.GetElapsedTime(began);
    }

    // Stops the load when the gateway has ended.
    private static async Task EndWithAsync(ServedProcess gateway, CancellationTokenSource stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (gateway.HasExited)
            {
                await stop.CancelAsync();
            }

            await Task.Delay(BetweenLooks, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<(Sample Quiet, LedgerCount Ledger)> WaitForQuietAsync(
        ServedProcess gateway, Sampler sampler, SoakSettings settings, Sample idle)
    {
        var attempts = QuietPatience / BetweenLooks;
        for (var attempt = 0; ; attempt++)
        {
            var last = sampler.Samples[^1];
            var ledger = await LedgerCount.ReadAsync(settings.LedgerPath);
            if ((last.Sockets <= idle.Sockets && ledger.Open == 0) || attempt >= attempts || gateway.HasExited)
            {
                return (last, ledger);
            }

            await Task.Delay(BetweenLooks);
        }
    }

    private void Judge(
        IReadOnlyList<Sample> samples, Sample idle, Sample quiet, Trend memory, LedgerCount ledger, SettingsChanger changer)
    {
        var isLong = _options.Load >= LongEnough;
        var missing = Enum.GetValues<CallKind>().Where(kind => _outcomes.StatusesOf(kind.ToString()).Count == 0).ToList();
        _checks.Zero("unexpected outcomes", _outcomes.Failed);
        var silent = Math.Max(1, (int)(_outcomes.Breaks * SilentBreaks));
        _checks.Add(
            "streams broken off by upstream, of which without an error event",
            $"{_outcomes.Breaks}, {_outcomes.SilentBreaks}",
            Bodies.Number(silent),
            _outcomes.SilentBreaks <= silent);
        _checks.Add(
            "kinds of calls that did not happen",
            missing.Count == 0 ? "none" : string.Join(", ", missing),
            isLong ? "none" : "too short to judge",
            missing.Count == 0 || !isLong);
        _checks.Add(
            "resident memory, second half of the load",
            $"{memory.PerMinute.ToString("+0.00;-0.00", CultureInfo.InvariantCulture)} MB/min",
            isLong ? $"{MostMegabytesPerMinute} MB/min" : "too short to judge",
            memory.PerMinute <= MostMegabytesPerMinute || !isLong);
        _checks.Add("sockets when quiet", Bodies.Number(quiet.Sockets), $"{idle.Sockets}, as before the load", quiet.Sockets <= idle.Sockets);
        _checks.Add("open files when quiet", Bodies.Number(quiet.Files), $"{idle.Files}, as before the load, and 8", quiet.Files <= idle.Files + 8);
        var threads = samples.Max(sample => sample.Threads);
        _checks.Add("threads at most", Bodies.Number(threads), Bodies.Number(MostThreads), threads <= MostThreads);
        _checks.Zero("rows left open in the ledger", ledger.Open);
        _checks.Add(
            "changes of the settings, the slowest",
            $"{changer.Changes} taken, {changer.Refusals} refused, {changer.Slowest.TotalSeconds:0.00} s",
            $"{ChangeBound.TotalSeconds} s",
            changer.Changes > 0 && changer.Slowest <= ChangeBound);
    }

    private async Task JudgeEndAsync(ServedProcess gateway)
    {
        await _checks.EndAsync(gateway);
        _checks.None("errors in its log beside those of the broken settings", GatewayLog.ErrorsIn([gateway.Output]));
    }

    private async Task ReportAsync(
        IReadOnlyList<Sample> samples, Sample idle, Sample quiet, Trend memory, LedgerCount ledger, SettingsChanger changer, TimeSpan took)
    {
        var loaded = samples.Where(sample => sample.At <= _options.Load).ToList();
        var calls = _outcomes.Calls;
        var reloads = changer.Changes + changer.Refusals;
        string[] head =
        [
            $"`{_options.CommandLine}`, seed {_options.Seed}",
            $"{calls} calls in {took.TotalMinutes:0.0} minutes by {_options.Workers} clients, {reloads} changes of the settings",
            $"resident memory: {idle.Megabytes:0} MB before, {loaded.Max(sample => sample.Megabytes):0} MB at most, "
            + $"{quiet.Megabytes:0} MB when quiet",
            $"sockets: {idle.Sockets} before, {loaded.Max(sample => sample.Sockets)} at most, {quiet.Sockets} when quiet",
            $"threads: {idle.Threads} before, {loaded.Max(sample => sample.Threads)} at most, {quiet.Threads} when quiet",
            $"processor time: {(loaded[^1].CpuTime - loaded[0].CpuTime).TotalSeconds:0} s",
            $"the ledger: {ledger.Settled} rows settled, {ledger.Unresolvable} unresolvable (calls given up before upstream told an id), "
            + $"{ledger.Open} open",
        ];
        Console.Write(Report.Render("Soak", head, _checks.All, _outcomes, Enum.GetNames<CallKind>()));
        if (_options.Picture is { } picture)
        {
            var subtitle =
                $"{calls.ToString("N0", CultureInfo.InvariantCulture)} calls in {_options.Load.TotalMinutes:0.#} minutes: chats, "
                + $"uploads to 20 MB, streams, clients that leave, errors, {reloads} reloads; 200 teams, SQLite ledger";
            await File.WriteAllTextAsync(picture, Picture.Draw(samples, _options.Load, memory, subtitle));
        }
    }
}
