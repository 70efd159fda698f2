using System.Net;
using Soak.Chaos.Clients;

namespace Soak.Chaos;

/// <summary>The chaos run: every fault of the scripted upstream at random, kills and reloads under load.</summary>
internal sealed class ChaosRun
{
    private const string Through = "g";
    private const string Direct = "d";
    private const int DirectCallers = 4;
    private const double MostMegabytes = 400;

    // A garbage collector that has settled keeps within this. A leak of five megabytes a minute, over the three minutes between the windows of a
    // run of ten, does not.
    private const double MostGrowth = 15;

    // The faults key-refused and no-credits.
    private const string RejectedKey = "The upstream rejects the OpenRouter key";

    // In a shorter run rare faults may not happen.
    private static readonly TimeSpan LongEnough = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ChangeBound = TimeSpan.FromSeconds(15);

    // A destination that has failed is left alone for ten seconds.
    private static readonly TimeSpan LeftAlone = TimeSpan.FromSeconds(12);

    private readonly SoakOptions _options;
    private readonly string _folder;
    private readonly Outcomes _outcomes = new();
    private readonly CheckList _checks = new();

    private ChaosRun(SoakOptions options, string folder)
    {
        _options = options;
        _folder = folder;
    }

    /// <summary>The most clients: each has a team of its own, and those of the SDKs follow.</summary>
    public static int MostWorkers => SdkFleet.FirstTeam;

    private bool IsLong => _options.Load >= LongEnough;

    /// <summary>Runs everything. Returns the exit code: 0 if all checks hold.</summary>
    public static Task<int> RunAsync(SoakOptions options, CancellationToken cancellationToken) =>
        RunFolder.UseAsync("chaos-", folder => new ChaosRun(options, folder).RunAsync(cancellationToken));

    private async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        if (!_options.IsWithoutNode && await NodePackages.EnsureAsync() is { } missing)
        {
            await Console.Error.WriteLineAsync($"The SDKs for Node.js cannot take part: {missing}. --without-node leaves them out.");
            return false;
        }

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
        var eventsAround = await Programs.EventsAroundAsync(upstreams[0].Port, endpoints: 4);
        var prng = new Prng(_options.Seed);
        using var setup = await GatewaySetup.CreateAsync(
            gatewayFolder,
            _folder,
            ChangeBound,
            _outcomes,
            new Prng(prng.Next()),
            json => ChaosSettings.Complete(json, upstreams[..2], upstreams[2..]));
        using var sdks = SdkFleet.Start(hasNode: !_options.IsWithoutNode);
        using var gateway = new KilledGateway(_folder, setup.Port, setup.Command);
        await gateway.StartAsync();

        await Console.Error.WriteLineAsync($"seed {_options.Seed}; {_options.Workers} clients for {_options.Load.TotalMinutes} minutes");
        var record = new ChaosRecord(_outcomes, new ChaosVerdict(eventsAround));
        var weather = new Weather(upstreams, gateway, setup.Changer, _options.Load, new Prng(prng.Next()));
        await LoadAsync(TargetOf(gateway, setup.Port, upstreams), upstreams, weather, record, sdks, prng, cancellationToken);
        var loaded = gateway.Samples[^1].At;
        var endOfSdks = await sdks.EndAsync();
        var (audit, book) = await WaitForQuietAsync(setup.Settings.LedgerPath, upstreams, record);
        await gateway.StopSamplingAsync();

        Judge(audit);
        Judge(sdks, endOfSdks, book);
        Judge(gateway, setup.Changer, loaded);
        await _checks.EndAsync(gateway.Process);
        _checks.None(
            "errors in its logs beside those of the broken settings and rejected keys", GatewayLog.ErrorsIn(gateway.Outputs, RejectedKey));
        new ChaosReport
        {
            Options = _options,
            Checks = _checks,
            Outcomes = _outcomes,
            Record = record,
            Sdks = sdks,
            Gateway = gateway,
            Changer = setup.Changer,
            Weather = weather,
            Audit = audit,
        }.Write();
        return _checks.Hold;
    }

    private static ChaosTarget TargetOf(KilledGateway gateway, int port, List<Upstream> upstreams) => new()
    {
        Name = Through,
        Port = port,
        Prefix = ChaosSettings.Http1Prefix,
        HasHttp2 = true,
        Patience = (ChaosSettings.TotalTimeout + ChaosVerdict.Slack) * 2,
        Changes = () => gateway.Changes,
        WasDownSince = (isHttp2, began) => IsOutage(isHttp2 ? upstreams[2..] : upstreams[..2], began),
    };

    private async Task LoadAsync(
        ChaosTarget through,
        List<Upstream> upstreams,
        Weather weather,
        ChaosRecord record,
        SdkFleet sdks,
        Prng prng,
        CancellationToken cancellationToken)
    {
        var callers = Enumerable.Range(0, _options.Workers)
            .Select(number => new ChaosCaller(number, through, record.Add, prng.Next()))
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
            callers.Add(new ChaosCaller(number, direct, record.AddDirect, prng.Next()));
        }

        var sdkCallers = sdks.Callers(through, prng);
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            stop.CancelAfter(_options.Load);
            var events = weather.RunAsync(stop.Token);
            await Task.WhenAll(
            [
                .. callers.Select(caller => Task.Run(() => caller.RunAsync(stop.Token), CancellationToken.None)),
                .. sdkCallers.Select(caller => Task.Run(() => caller.RunAsync(stop.Token), CancellationToken.None)),
            ]);
            await events;
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

    private async Task<(ChaosAudit Audit, Book Book)> WaitForQuietAsync(string ledger, List<Upstream> upstreams, ChaosRecord record)
    {
        // A bill is asked for after 1, 2, 4, 8, 15, 30 and 60 seconds.
        var patience = IsLong ? TimeSpan.FromMinutes(2) : TimeSpan.FromSeconds(40);
        var attempts = patience / BetweenLooks;
        for (var attempt = 0; ; attempt++)
        {
            await Task.Delay(BetweenLooks);
            var rows = await LedgerRow.ReadAsync(ledger);
            var book = await Book.ReadAsync(upstreams, Through);
            var audit = new ChaosAudit(rows, book, record.Calls);
            if (audit.OpenRows == 0 || attempt >= attempts)
            {
                return (audit, book);
            }
        }
    }

    private void Judge(ChaosAudit audit)
    {
        _checks.Zero("unexpected outcomes", _outcomes.Failed);
        var repetitions = audit.Repetitions();
        var differences = audit.Differences();
        foreach (var (kind, call, what) in repetitions.Concat(differences))
        {
            _outcomes.Fail(kind, call, what);
        }

        _checks.Zero("calls that upstream may have processed twice", repetitions.Count);
        _checks.Zero("differences between ledger and book", differences.Count);
        _checks.Zero("rows left open in the ledger", audit.OpenRows);
    }

    private void Judge(SdkFleet sdks, string? end, Book book)
    {
        var faults = 0;
        foreach (var report in sdks.Reports)
        {
            if (SdkVerdict.FaultOf(report, book) is { } fault)
            {
                faults++;
                _outcomes.Fail(report.Sdk, $"{report.Call.Id}, {report.Call.Api}, {(report.Call.Streams ? "stream" : "JSON")}", fault);
            }
        }

        if (end is not null)
        {
            faults++;
            _outcomes.Fail("SDKs", "the process of clients.mjs", end);
        }

        _checks.Zero("unexpected outcomes of SDKs", faults);
        _checks.None("SDKs without a call", sdks.Idle);
    }

    private void Judge(KilledGateway gateway, SettingsChanger changer, TimeSpan loaded)
    {
        var peak = gateway.AllSamples.Max(sample => sample.Megabytes);
        _checks.Add("resident memory at most", $"{peak:0} MB", $"{MostMegabytes} MB", peak <= MostMegabytes);
        var memory = MemoryGrowth.Of(gateway.Samples, loaded);
        _checks.Add(
            "resident memory of the last process, when warm and at the end of the load",
            memory is null ? "" : FormattableString.Invariant($"{memory.Warm:0} MB, {memory.End:0} MB"),
            memory is null ? "too short to judge" : $"{MostGrowth} MB more",
            memory is null || memory.End - memory.Warm <= MostGrowth);
        var missing = ChaosReport.Kinds().Where(kind => _outcomes.StatusesOf(kind).Count == 0).ToList();
        _checks.Add(
            "faults that did not happen",
            missing.Count == 0 ? "none" : string.Join(", ", missing),
            IsLong ? "none" : "too short to judge",
            missing.Count == 0 || !IsLong);
        _checks.Add("kills, changes of the settings", $"{gateway.Kills}, {changer.Changes}", "some", gateway.Kills > 0 && changer.Changes > 0);
    }
}
