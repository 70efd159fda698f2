using System.Collections.Concurrent;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Observability;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Workers;

namespace Gateway.Alerts;

/// <summary>
/// Posts the alerts of the ledger. A turn claims those that are due and starts a lane for each webhook, which posts them one after another.
/// A turn does not wait for its lanes, so a slow receiver holds up no other one. After a failed post, the rest of the lane waits, too. Failed
/// posts are repeated with a back-off for a day.
/// </summary>
internal sealed partial class AlertPoster : Worker
{
    internal static readonly TimeSpan TurnPeriod = TimeSpan.FromSeconds(15);

    /// <summary>How long a claim lasts: longer than a lane, whose last post may begin at the end of <see cref="LaneTime"/>.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>How long an alert is posted again and again.</summary>
    internal static readonly TimeSpan GivenUpAfter = TimeSpan.FromDays(1);

    private const int BatchSize = 32;

    // Claims in a turn, so that alerts for a webhook that is busy do not hide those for others.
    private const int MaxBatches = 50;
    private const int MaxLanes = 32;

    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastBackOff = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LaneTime = TimeSpan.FromSeconds(30);

    // Later than the turn, which would claim the alert again. The end of the lane starts the next turn.
    private static readonly TimeSpan BusyDelay = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan RemovalPeriod = TimeSpan.FromHours(1);

    private readonly SettingsStore _settings;
    private readonly LedgerWriter _ledger;
    private readonly ILedgerStore _store;
    private readonly AlertClient _client;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<AlertPoster> _logger;

    /// <summary>The lanes in progress, by webhook. Only turns and the stop use it.</summary>
    private readonly Dictionary<string, Task> _lanes = new(StringComparer.Ordinal);

    /// <summary>Posted alerts that could not be marked, so that this process does not post them again.</summary>
    private readonly ConcurrentDictionary<string, bool> _unmarked = new(StringComparer.Ordinal);

    private DateTimeOffset _removedAt;

    public AlertPoster(
        SettingsStore settings,
        LedgerWriter ledger,
        ILedgerStore store,
        AlertClient client,
        GatewayMetrics metrics,
        WorkerHealth health,
        TimeProvider time,
        ILogger<AlertPoster> logger)
        : base("alert-posts", TurnPeriod, health, time, logger)
    {
        _settings = settings;
        _ledger = ledger;
        _store = store;
        _client = client;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    /// <summary>Cancels the posts in progress, whose claims end with their leases, and returns the other claims.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAll(_lanes.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var settings = _settings.Current;
        if (!_ledger.IsOpen || !AlertWebhooks.HasAny(settings))
        {
            return;
        }

        foreach (var (url, lane) in _lanes)
        {
            if (lane.IsCompleted)
            {
                _lanes.Remove(url);
            }
        }

        var now = _time.GetUtcNow();
        if (now - _removedAt >= RemovalPeriod)
        {
            await _store.Alerts.RemoveExpiredAsync(now, cancellationToken);
            _removedAt = now;
        }

        for (var batch = 0; batch < MaxBatches; batch++)
        {
            var claims = await _store.Alerts.ClaimDueAsync(now, now + Lease, BatchSize, cancellationToken);
            await StartLanesAsync(settings, claims, cancellationToken);
            if (claims.Count < BatchSize)
            {
                return;
            }
        }
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    private async Task StartLanesAsync(SettingsSnapshot settings, IReadOnlyList<ClaimedAlert> claims, CancellationToken stopping)
    {
        var lanes = new Dictionary<string, (SecretText Url, List<(ClaimedAlert, Alert)> Alerts)>(StringComparer.Ordinal);
        foreach (var claim in claims)
        {
            if (_unmarked.ContainsKey(claim.Name))
            {
                await MarkAsync(claim);
            }
            else if (AlertJson.Read(claim.Content) is not { } alert)
            {
                await GiveUpAsync(claim, kind: "unknown", "its content in the ledger cannot be read");
            }
            else if (AlertWebhooks.Find(settings, alert.Kind, alert.Team) is not { } url)
            {
                // A reload may bring the webhook back.
                await PutOffAsync(claim, alert, "no webhook is configured for it", TimeSpan.Zero);
            }
            else
            {
                var key = url.Reveal();
                if (!lanes.TryGetValue(key, out var lane))
                {
                    lanes.Add(key, lane = (url, []));
                }

                lane.Alerts.Add((claim, alert));
            }
        }

        foreach (var (key, lane) in lanes)
        {
            if (_lanes.ContainsKey(key) || _lanes.Count >= MaxLanes)
            {
                await ReturnAsync(lane.Alerts.Select(one => one.Item1), BusyDelay);
            }
            else
            {
                // On the thread pool: the turn does not wait for it.
                _lanes.Add(key, Task.Run(() => RunLaneAsync(settings, lane.Url, lane.Alerts, stopping), CancellationToken.None));
            }
        }
    }

    private async Task RunLaneAsync(
        SettingsSnapshot settings, SecretText url, List<(ClaimedAlert Claim, Alert Alert)> alerts, CancellationToken stopping)
    {
        var startedAt = _time.GetTimestamp();
        var next = 0;
        try
        {
            var isFailing = false;
            for (; next < alerts.Count && !isFailing && _time.GetElapsedTime(startedAt) < LaneTime && !stopping.IsCancellationRequested; next++)
            {
                var (claim, alert) = alerts[next];
                var body = AlertBody.Write(alert, claim.Content, settings.Settings.Alerts.Format);
                var post = await _client.PostAsync(url, body, settings.AlertSecret, stopping);
                if (post.Failure is { } failure)
                {
                    isFailing = true;
                    await PutOffAsync(claim, alert, failure, post.RetryAfter);
                }
                else
                {
                    Log.AlertPosted(_logger, alert.Kind.ToWord(), alert.Team);
                    _metrics.AlertEnded(alert.Kind.ToWord(), "posted");
                    _unmarked[claim.Name] = true;
                    await MarkAsync(claim);
                }
            }

            await ReturnAsync(alerts.Skip(next).Select(one => one.Claim), isFailing ? FirstBackOff : TimeSpan.Zero);
        }
        catch (OperationCanceledException)
        {
            // The receiver may have the alert that was cut off: its claim ends with its lease, and this or another process posts it again.
            await TryReturnAsync(alerts.Skip(next + 1).Select(one => one.Claim));
        }
        catch (LedgerException)
        {
            // The claims end with their leases. The next turn meets the same failure, and reports it.
        }

        WakeAfterBackOff();
    }

    private async Task MarkAsync(ClaimedAlert claim)
    {
        await _store.Alerts.MarkPostedAsync(claim.Name, _time.GetUtcNow(), CancellationToken.None);
        _unmarked.TryRemove(claim.Name, out _);
    }

    /// <summary>Schedules the next attempt after a failed one, or gives the alert up.</summary>
    private async Task PutOffAsync(ClaimedAlert claim, Alert alert, string reason, TimeSpan retryAfter)
    {
        var now = _time.GetUtcNow();
        var kind = alert.Kind.ToWord();
        if (now - claim.RaisedAt >= GivenUpAfter)
        {
            await GiveUpAsync(claim, kind, reason);
            return;
        }

        if (claim.Attempts == 0)
        {
            Log.AlertNotPosted(_logger, kind, claim.Team, reason, GivenUpAfter);
        }

        var delay = BackOff(claim.Attempts);
        await _store.Alerts.ReturnAsync(claim, now + (delay > retryAfter ? delay : retryAfter), claim.Attempts + 1, CancellationToken.None);
        _metrics.AlertEnded(kind, "failed");
    }

    private async Task GiveUpAsync(ClaimedAlert claim, string kind, string reason)
    {
        await _store.Alerts.ReturnAsync(claim, dueAt: null, claim.Attempts + 1, CancellationToken.None);
        _metrics.AlertEnded(kind, "dropped");
        Log.AlertGivenUp(_logger, kind, claim.Team, claim.Attempts + 1, reason);
    }

    private async Task ReturnAsync(IEnumerable<ClaimedAlert> claims, TimeSpan delay)
    {
        foreach (var claim in claims)
        {
            await _store.Alerts.ReturnAsync(claim, _time.GetUtcNow() + delay, claim.Attempts, CancellationToken.None);
        }
    }

    private async Task TryReturnAsync(IEnumerable<ClaimedAlert> claims)
    {
        try
        {
            await ReturnAsync(claims, TimeSpan.Zero);
        }
        catch (LedgerException)
        {
            // The claims end with their leases.
        }
    }

    private static TimeSpan BackOff(int attempts)
    {
        var delay = FirstBackOff * Math.Pow(2, Math.Min(attempts, 10));
        return delay < LastBackOff ? delay : LastBackOff;
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.AlertPosted, LogLevel.Information, "The alert {Kind} of team {Team} was posted")]
        public static partial void AlertPosted(ILogger logger, string kind, string team);

        [LoggerMessage(
            LogEvents.AlertNotPosted,
            LogLevel.Warning,
            "The alert {Kind} of team {Team} could not be posted: {Reason}. It is posted again for {Time}")]
        public static partial void AlertNotPosted(ILogger logger, string kind, string team, string reason, TimeSpan time);

        [LoggerMessage(
            LogEvents.AlertGivenUp,
            LogLevel.Error,
            "The alert {Kind} of team {Team} is given up after {Attempts} attempts: {Reason}")]
        public static partial void AlertGivenUp(ILogger logger, string kind, string team, int attempts, string reason);
    }
}
