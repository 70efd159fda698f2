using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Primitives;
using Gateway.Secrets;

namespace Gateway.Alerts;

/// <summary>
/// The reports of requests from which alerts are raised. A report costs a look-up, and wakes the worker the first time: a refused team may
/// send thousands of requests a second. Thread-safe.
/// </summary>
internal sealed class AlertSignals
{
    private readonly ConcurrentDictionary<BudgetKey, BudgetRefusal> _refusals = new();
    private readonly ConcurrentDictionary<(string Mark, DateOnly Day), KeyRejection> _rejections = new();

    /// <summary>Called after the first report of a refusal or rejection.</summary>
    public Action? Reported { get; set; }

    /// <summary>The reports that were not raised yet.</summary>
    public IEnumerable<BudgetRefusal> Refusals => _refusals.Values.Where(static refusal => !refusal.IsRaised);

    /// <summary>The reports that were not raised yet.</summary>
    public IEnumerable<KeyRejection> Rejections => _rejections.Values.Where(static rejection => !rejection.IsRaised);

    /// <summary>Reports that a budget does not cover a request.</summary>
    /// <param name="settings">The settings of the request.</param>
    /// <param name="key">The budget and its period.</param>
    /// <param name="limit">The limit.</param>
    /// <param name="spent">The charges, without open reservations.</param>
    /// <param name="isRefused">Whether the request is refused.</param>
    /// <param name="now">The current time.</param>
    public void BudgetExceeded(
        SettingsSnapshot settings, in BudgetKey key, PicoDollars limit, PicoDollars spent, bool isRefused, DateTimeOffset now)
    {
        if (!_refusals.ContainsKey(key)
            && AlertWebhooks.Find(settings, AlertKind.BudgetExceeded, key.Team) is not null
            && _refusals.TryAdd(key, new BudgetRefusal(key, limit, spent, isRefused, now)))
        {
            Reported?.Invoke();
        }
    }

    /// <summary>Reports that upstream rejects an OpenRouter key.</summary>
    /// <param name="settings">The settings of the request.</param>
    /// <param name="team">The id of the team.</param>
    /// <param name="key">The key.</param>
    /// <param name="status">The status of upstream's response.</param>
    /// <param name="now">The current time.</param>
    public void KeyRejected(SettingsSnapshot settings, string team, UpstreamKey key, int status, DateTimeOffset now)
    {
        if (AlertWebhooks.Find(settings, AlertKind.UpstreamKeyRejected, team) is null)
        {
            return;
        }

        var id = (key.Mark, DateOnly.FromDateTime(now.UtcDateTime));
        if (!_rejections.ContainsKey(id) && _rejections.TryAdd(id, new KeyRejection(key.Mark, id.Item2, team, key.Name, status, now)))
        {
            Reported?.Invoke();
        }
    }

    /// <summary>Forgets reports of periods and days that are over. Later reports cannot concern them.</summary>
    public void Prune(DateTimeOffset now)
    {
        foreach (var (key, refusal) in _refusals)
        {
            if (refusal.IsRaised && key.End <= now)
            {
                _refusals.TryRemove(key, out _);
            }
        }

        var day = DateOnly.FromDateTime(now.UtcDateTime);
        foreach (var (id, rejection) in _rejections)
        {
            if (rejection.IsRaised && id.Day < day)
            {
                _rejections.TryRemove(id, out _);
            }
        }
    }
}
