using System.Diagnostics;

namespace Soak.Chaos.Clients;

/// <summary>Makes one call after the other with an SDK, through the gateway.</summary>
internal sealed class SdkCaller
{
    private const int LongestPause = 200;
    private const int MostRetries = 2;

    // Responses that upstream itself passes off as complete: no SDK can tell.
    private static readonly string[] Deceptive = ["html-200", "end-early"];

    // Faults that last until the time limits of the gateway. An SDK that tries again would wait for all of its tries.
    private static readonly string[] Slow =
        ["slow-headers", "slow-stream", "silent", "silent-stream", "comments-only", "stall-mid-stream"];

    private static readonly string[] Faults =
        [.. FakeOpenRouter.Faults.All.Where(fault => fault != FakeOpenRouter.Faults.Down).Select(fault => fault.Name).Except(Deceptive)];

    private static readonly string[] FastFaults = [.. Faults.Except(Slow)];

    private readonly ISdk _sdk;
    private readonly int _team;
    private readonly ChaosTarget _target;
    private readonly Action<SdkReport> _report;
    private readonly Prng _calls;

    /// <param name="sdk">The SDK.</param>
    /// <param name="team">The team of its calls, which no other caller has.</param>
    /// <param name="target">The gateway.</param>
    /// <param name="report">Receives every call.</param>
    /// <param name="seed">The seed of all calls.</param>
    public SdkCaller(ISdk sdk, int team, ChaosTarget target, Action<SdkReport> report, ulong seed)
    {
        _sdk = sdk;
        _team = team;
        _target = target;
        _report = report;
        _calls = new Prng(seed);
    }

    /// <summary>The time that a call may take: the limit of each try, and the pauses between them.</summary>
    public static TimeSpan LimitOf(SdkCall call) => (ChaosSettings.TotalTimeout * (1 + call.Retries)) + ChaosVerdict.Slack;

    /// <summary>Makes calls until cancelled; the last one is completed.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            var prng = new Prng(_calls.Next());
            _report(await CallAsync(NextCall(prng, number)));
            await Task.Delay(prng.Below(LongestPause), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private SdkCall NextCall(Prng prng, int number)
    {
        var retries = prng.Chance(50) ? MostRetries : 0;
        var fault = prng.Chance(50) ? ChaosCall.None : prng.Pick(retries == 0 ? Faults : FastFaults);
        return new SdkCall
        {
            Id = $"{fault}.{_team}.{_target.Name}{number}",
            Fault = fault,
            Api = prng.Pick(_sdk.Apis),
            Streams = prng.Chance(60),
            Retries = retries,
            Key = SoakSettings.KeyOf(_team),
            Address = $"http://127.0.0.1:{_target.Port}{(prng.Chance(50) ? ChaosSettings.Http2Prefix : _target.Prefix)}",
        };
    }

    private async Task<SdkReport> CallAsync(SdkCall call)
    {
        var changes = await _target.WaitForRestartAsync();
        var began = Stopwatch.GetTimestamp();
        SdkOutcome? outcome = null;
        using var giveUp = new CancellationTokenSource(LimitOf(call) * 2);
        try
        {
            outcome = await _sdk.CallAsync(call, giveUp.Token);
        }
        catch (OperationCanceledException)
        {
            // The verdict knows that it hangs.
        }

        return new SdkReport
        {
            Sdk = _sdk.Name,
            Call = call,
            Outcome = outcome,
            Took = Stopwatch.GetElapsedTime(began),
            IsExcused = _target.Changes() != changes
                || _target.WasDownSince(call.Address.EndsWith(ChaosSettings.Http2Prefix, StringComparison.Ordinal), began),
        };
    }
}
