using System.Collections.Concurrent;
using System.Globalization;
using System.Net;

namespace Soak.Chaos;

/// <summary>The chaos run: every fault of the scripted upstream at random, kills and reloads under load.</summary>
internal sealed class ChaosRun
{
    private const string Through = "g";
    private const string Direct = "d";
    private const int DirectCallers = 4;
    private const double MostMegabytes = 400;
    private const double MostMegabytesPerMinute = 6;

    // The scripted upstream sometimes closes a connection after a GOAWAY while a request is on its way. See ChaosVerdict.
    private const double MostLost = 0.001;

    // In a shorter run rare faults may not happen.
    private static readonly TimeSpan LongEnough = TimeSpan.FromMinutes(3);

    // The memory of a process that was under load for a shorter time is still warming up.
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ChangeBound = TimeSpan.FromSeconds(15);

    // A destination that has failed is left alone for ten seconds.
    private static readonly TimeSpan LeftAlone = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(30);

    private readonly SoakOptions _options;
    private readonly string _folder;
    private readonly Outcomes _outcomes = new();
    private readonly List<Check> _checks = [];
    private readonly ConcurrentQueue<ChaosCall> _calls = new();
    private readonly ConcurrentDictionary<(string Target, bool IsHttp2, bool HasOwnFault), Availability> _availability = new();

    private int _lost;

    // How long the last process was under load.
    private TimeSpan _loaded;

    private ChaosRun(SoakOptions options, string folder)
    {
        _options = options;
        _folder = folder;
    }

    /// <summary>Runs everything. Returns the exit code: 0 if all checks hold.</summary>
    public static async Task<int> RunAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("chaos-").FullName;
        var holds = await new ChaosRun(options, folder).RunAsync(cancellationToken);
        if (holds)
        {
            Directory.Delete(folder, recursive: true);
        }
        else
        {
            await Console.Error.WriteLineAsync($"settings, ledger and logs are left in {folder}");
        }

        return holds ? 0 : 1;
    }

    private bool IsLong => _options.Load >= LongEnough;

    private async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var (gatewayFolder, upstreamProgram) = await Programs.PublishAsync(_options.Gateway);
        List<Upstream> upstreams = [];
        try
        {
            foreach (var version in (Version[])[HttpVersion.Version11, HttpVersion.Version11, HttpVersion.Version20, HttpVersion.Version20])
            {
                upstreams.Add(await Upstream.StartAsync(upstreamProgram, _folder, upstreams.Count, version));
            }

            return await RunAsync(gatewayFolder, upstreams, cancellationToken);
        }
        finally
        {
            upstreams.ForEach(upstream => upstream.Dispose());
        }
    }

    private async Task<bool> RunAsync(string gatewayFolder, List<Upstream> upstreams, CancellationToken cancellationToken)
    {
        var eventsAround = new List<int>();
        for (var endpoint = 0; endpoint < 4; endpoint++)
        {
            eventsAround.Add(await Programs.EventsAroundAsync(upstreams[0].Port, endpoint));
        }

        var port = Programs.FreePort();
        var prng = new Prng(_options.Seed);
        var shipped = await File.ReadAllTextAsync(Path.Combine(gatewayFolder, "appsettings.json"), cancellationToken);
        var settings = new SoakSettings(
            shipped, _folder, Programs.FreePort(), json => ChaosSettings.Complete(json, upstreams[..2], upstreams[2..]));
        var settingsFile = Path.Combine(_folder, "settings.json");
        using var changer = new SettingsChanger(settings, settingsFile, port, ChangeBound, _outcomes, new Prng(prng.Next()));
        using var gateway = new KilledGateway(
            _folder, port, [.. Programs.Command(gatewayFolder), "--ip", "127.0.0.1", "--port", Bodies.Number(port), "--config", settingsFile]);
        await gateway.StartAsync();

        await Console.Error.WriteLineAsync($"seed {_options.Seed}; {_options.Workers} clients for {_options.Load.TotalMinutes} minutes");
        var verdict = new ChaosVerdict(eventsAround);
        var weather = new Weather(upstreams, gateway, changer, _options.Load, new Prng(prng.Next()));
        await LoadAsync(gateway, port, upstreams, weather, verdict, prng, cancellationToken);
        var audit = await WaitForQuietAsync(settings.LedgerPath, upstreams);
        await gateway.StopSamplingAsync();

        Judge(gateway, changer, audit);
        await JudgeEndAsync(gateway);
        WriteReport(gateway, changer, weather, audit);
        return _checks.TrueForAll(check => check.Holds);
    }

    private async Task LoadAsync(
        KilledGateway gateway,
        int port,
        List<Upstream> upstreams,
        Weather weather,
        ChaosVerdict verdict,
        Prng prng,
        CancellationToken cancellationToken)
    {
        var through = new ChaosTarget
        {
            Name = Through,
            Port = port,
            Prefix = ChaosSettings.Http1Prefix,
            HasHttp2 = true,
            Patience = (ChaosSettings.TotalTimeout + ChaosVerdict.Slack) * 2,
            Changes = () => gateway.Changes,
            WasDownSince = (isHttp2, began) => IsOutage(isHttp2 ? upstreams[2..] : upstreams[..2], began),
        };
        var callers = Enumerable.Range(0, _options.Workers)
            .Select(number => new ChaosCaller(number, through, call => Report(through, call, verdict), prng.Next()))
            .ToList();
        for (var number = 0; number < DirectCallers; number++)
        {
            var direct = new ChaosTarget
            {
                Name = Direct,
                Port = upstreams[number % 2].Port,
                Prefix = ChaosSettings.Http2Prefix,
                HasHttp2 = false,
                Patience = ChaosSettings.TotalTimeout,
            };
            callers.Add(new ChaosCaller(number, direct, call => Report(direct, call, verdict: null), prng.Next()));
        }

        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            stop.CancelAfter(_options.Load);
            var events = weather.RunAsync(stop.Token);
            await Task.WhenAll(callers.Select(caller => Task.Run(() => caller.RunAsync(stop.Token), CancellationToken.None)));
            await events;
            _loaded = gateway.Samples[^1].At;
        }
        finally
        {
            callers.ForEach(caller => caller.Dispose());
        }
    }

    // An outage breaks the calls of its time. Later calls go to another destination, unless that one is left alone as well.
    private static bool IsOutage(List<Upstream> cluster, long began) =>
        cluster.Exists(upstream => upstream.WasDownSince(began, TimeSpan.FromSeconds(1)))
        || cluster.TrueForAll(upstream => upstream.WasDownSince(began, LeftAlone));

    private void Report(ChaosTarget target, ChaosCall call, ChaosVerdict? verdict)
    {
        if (call.Fault != ChaosCall.Leave)
        {
            var hasOwnFault = call.Fault is not (ChaosCall.None or ChaosCall.Episodes);
            Count(target.Name, call.IsHttp2, hasOwnFault, ChaosVerdict.IsSuccess(call));
        }

        if (verdict is null)
        {
            return;
        }

        _outcomes.Count(call.Fault, call.Answer.Status);

        // The audit needs the headers only.
        _calls.Enqueue(call with { Answer = call.Answer with { Body = [] } });
        if (call.Fault != ChaosCall.Leave && verdict.FaultOf(call) is { } fault)
        {
            if (ChaosVerdict.IsLostWithItsConnection(call))
            {
                Interlocked.Increment(ref _lost);
                return;
            }

            _outcomes.Fail(call.Fault, $"{call.Id}, {Name(call)}", fault);
        }
    }

    private static string Name(ChaosCall call) =>
        $"endpoint {call.Endpoint}, {(call.Streams ? "stream" : "JSON")}, HTTP/{(call.IsHttp2 ? "2" : "1.1")}";

    private void Count(string target, bool isHttp2, bool hasOwnFault, bool isSuccess) =>
        _availability.GetOrAdd((target, isHttp2, hasOwnFault), static _ => new Availability()).Count(isSuccess);

    private async Task<ChaosAudit> WaitForQuietAsync(string ledger, List<Upstream> upstreams)
    {
        // A bill is asked for after 1, 2, 4, 8, 15, 30 and 60 seconds.
        var patience = IsLong ? TimeSpan.FromMinutes(2) : TimeSpan.FromSeconds(40);
        var attempts = patience / BetweenLooks;
        for (var attempt = 0; ; attempt++)
        {
            await Task.Delay(BetweenLooks);
            var rows = await LedgerRow.ReadAsync(ledger);
            var audit = new ChaosAudit(rows, await Book.ReadAsync(upstreams, Through), _calls);
            if (audit.OpenRows == 0 || attempt >= attempts)
            {
                return audit;
            }
        }
    }

    private void Judge(KilledGateway gateway, SettingsChanger changer, ChaosAudit audit)
    {
        var repetitions = audit.Repetitions();
        var differences = audit.Differences();
        foreach (var (kind, call, what) in repetitions.Concat(differences))
        {
            _outcomes.Fail(kind, call, what);
        }

        Zero("calls that upstream may have processed twice", repetitions.Count);
        Zero("differences between ledger and book", differences.Count);
        Zero("rows left open in the ledger", audit.OpenRows);
        Zero("other unexpected outcomes", _outcomes.Failed - repetitions.Count - differences.Count);
        var mostLost = Math.Max(2, (int)(_calls.Count(call => call.IsHttp2) * MostLost));
        Add("calls lost with an HTTP/2 connection that a GOAWAY closed", Bodies.Number(_lost), Bodies.Number(mostLost), _lost <= mostLost);
        var peak = gateway.AllSamples.Max(sample => sample.Megabytes);
        Add("resident memory at most", $"{peak:0} MB", $"{MostMegabytes} MB", peak <= MostMegabytes);
        var trend = MemoryOf(gateway);
        var isWarm = _loaded >= WarmUp;
        Add(
            "resident memory, second half of the last process's load",
            FormattableString.Invariant($"{trend.PerMinute:+0.00;-0.00} MB/min"),
            isWarm ? $"{MostMegabytesPerMinute} MB/min" : "too short to judge",
            trend.PerMinute <= MostMegabytesPerMinute || !isWarm);
        var missing = Kinds().Where(kind => _outcomes.StatusesOf(kind).Count == 0).ToList();
        Add(
            "faults that did not happen",
            missing.Count == 0 ? "none" : string.Join(", ", missing),
            IsLong ? "none" : "too short to judge",
            missing.Count == 0 || !IsLong);
        Add("kills, changes of the settings", $"{gateway.Kills}, {changer.Changes}", "some", gateway.Kills > 0 && changer.Changes > 0);
    }

    private async Task JudgeEndAsync(KilledGateway gateway)
    {
        var exitCode = gateway.Process.HasExited ? null : await gateway.Process.TerminateAsync(EndPatience);
        Add("exit code at SIGTERM", exitCode?.ToString(CultureInfo.InvariantCulture) ?? "none", "0", exitCode == 0);
    }

    private Trend MemoryOf(KilledGateway gateway) => Trend.Of(
        [.. gateway.Samples.Where(sample => sample.At >= _loaded / 2 && sample.At <= _loaded)
            .Select(sample => (sample.At.TotalMinutes, sample.Megabytes))]);

    private void WriteReport(KilledGateway gateway, SettingsChanger changer, Weather weather, ChaosAudit audit)
    {
        var slowest = _calls.Max(call => call.Took);
        var (open, settled, unresolvable) = audit.States;
        var (ledger, book) = audit.Totals;
        string[] head =
        [
            $"`{_options.CommandLine}`, seed {_options.Seed}",
            $"{_outcomes.Calls} calls by {_options.Workers} clients; {weather.Episodes.All} episodes of upstream, of which "
            + $"{weather.Episodes.Outages} outages; {gateway.Kills} kills, {changer.Changes} changes of the settings and {changer.Refusals} refused",
            FormattableString.Invariant($"slowest call: {slowest.TotalSeconds:0.0} s; {_calls.Count(call => call.WasKilled)} calls met a kill"),
            $"the ledger: {settled} rows settled, {unresolvable} unresolvable, {open} open (bills that upstream does not send or not yet); settled with an id: "
            + $"{ledger} pico-dollars, in the book {book}; {audit.SecondDestinations} calls arrived at a second destination",
            $"whole responses, calls without a fault of their own: direct {Share(Direct, false, false)}; through the gateway over HTTP/1.1 "
            + $"{Share(Through, false, false)}, over HTTP/2 {Share(Through, true, false)}",
            $"whole responses, calls that bring a fault: direct {Share(Direct, false, true)}; through the gateway over HTTP/1.1 "
            + $"{Share(Through, false, true)}, over HTTP/2 {Share(Through, true, true)}",
        ];
        Console.Write(Soak.Report.Render("Chaos", head, _checks, _outcomes, Kinds()));
    }

    private string Share(string target, bool isHttp2, bool hasOwnFault) =>
        (_availability.GetValueOrDefault((target, isHttp2, hasOwnFault)) ?? new Availability()).ToString();

    private static IEnumerable<string> Kinds() =>
    [
        ChaosCall.None, ChaosCall.Episodes, ChaosCall.Leave,
        .. FakeOpenRouter.Faults.All.Where(fault => fault != FakeOpenRouter.Faults.Down).Select(fault => fault.Name),
    ];

    private void Zero(string name, int found) => Add(name, Bodies.Number(found), "0", found == 0);

    private void Add(string name, string found, string bound, bool holds) => _checks.Add(new Check(name, found, bound, holds));
}
