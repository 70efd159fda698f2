using System.Diagnostics.Metrics;
using Gateway.Configuration;
using Gateway.Workers;

namespace Gateway.Observability;

/// <summary>
/// The metrics of the process's state, which each export reads: queues, memory, connections, budgets, destinations, workers and settings. No
/// request updates them.
/// </summary>
/// <param name="meter">The gateway's meter; not owned.</param>
internal sealed class ObservedMetrics(Meter meter)
{
    /// <summary>The name of the metric of the budgets.</summary>
    internal const string Budget = "gateway.budget";

    private const string Team = "team";

    /// <summary>Creates the metrics of the ledger. Must be called once.</summary>
    /// <param name="queue">Returns the number of queued entries.</param>
    /// <param name="journal">Returns the size of this process's journal in bytes.</param>
    /// <param name="failures">Returns the number of failed writes since the start of the process.</param>
    /// <param name="dropped">Returns the number of lost entries since the start of the process.</param>
    public void ObserveLedger(Func<int> queue, Func<long> journal, Func<long> failures, Func<long> dropped)
    {
        meter.CreateObservableGauge("gateway.ledger.queue", queue, "{entry}", "Entries queued for the ledger.");
        meter.CreateObservableGauge("gateway.ledger.journal", journal, "By", "Size of the journal beside the SQLite ledger.");
        meter.CreateObservableCounter("gateway.ledger.failures", failures, "{failure}", "Failed writes to the ledger.");
        meter.CreateObservableCounter(
            "gateway.ledger.dropped", dropped, "{entry}", "Entries lost because the ledger's queue was full.");
    }

    /// <summary>Creates the metric of a limit store with a circuit breaker. Must be called at most once.</summary>
    /// <param name="isOpen">Returns whether the circuit is open.</param>
    public void ObserveLimitStore(Func<bool> isOpen) => meter.CreateObservableGauge(
        "gateway.limits.store_open", () => isOpen() ? 1 : 0, null, "1 while the circuit breaker of the limit store is open, otherwise 0.");

    /// <summary>Creates the metrics of the memory for request bodies. Must be called once.</summary>
    /// <param name="held">Returns the number of reserved bytes.</param>
    /// <param name="waiting">Returns the number of bodies that wait for a reservation.</param>
    public void ObserveBodies(Func<long> held, Func<int> waiting)
    {
        meter.CreateObservableGauge(
            "gateway.bodies.held", held, "By", "Memory reserved for request bodies and held beginnings of responses of more than 64 KB.");
        meter.CreateObservableGauge("gateway.bodies.waiting", waiting, "{request}", "Requests whose unread body waits for memory.");
    }

    /// <summary>Creates the metrics of connections and of requests in flight. Must be called once.</summary>
    /// <param name="open">Returns the number of open connections.</param>
    /// <param name="refused">Returns the number of refused connections.</param>
    /// <param name="limit">Returns the maximum number of connections.</param>
    /// <param name="inFlight">Returns the number of requests in flight.</param>
    public void ObserveCapacity(Func<int> open, Func<long> refused, Func<int> limit, Func<int> inFlight)
    {
        meter.CreateObservableGauge("gateway.connections.open", open, "{connection}", "Open connections of clients.");
        meter.CreateObservableGauge("gateway.connections.limit", limit, "{connection}", "The maximum of open connections of clients.");
        meter.CreateObservableCounter(
            "gateway.connections.refused", refused, "{connection}", "Connections that were closed at once because all were in use.");
        meter.CreateObservableGauge("gateway.requests.in_flight", inFlight, "{request}", "Requests in flight.");
    }

    /// <summary>Creates the metric of the log. Must be called once.</summary>
    /// <param name="dropped">Returns the number of dropped lines.</param>
    public void ObserveLog(Func<long> dropped) => meter.CreateObservableCounter(
        "gateway.log.dropped", dropped, "{line}", "Log lines that were dropped because standard output was not read, or failed.");

    /// <summary>Creates the metric of the OpenRouter keys' drift. Must be called once.</summary>
    /// <param name="drift">Returns the drift in US dollars, by the mark of a key.</param>
    public void ObserveDrift(Func<IReadOnlyCollection<KeyValuePair<string, double>>> drift) => meter.CreateObservableGauge(
        "gateway.upstream.drift",
        () => drift().Select(key => new Measurement<double>(key.Value, new KeyValuePair<string, object?>("key", key.Key))),
        "usd",
        "What upstream says that an OpenRouter key has used, less what the ledger says, both since the gateway first asked.");

    /// <summary>Creates the metric of the budgets. Must be called once.</summary>
    /// <param name="budgets">
    /// Returns the amounts of each budget in US dollars; the label of the key is <see langword="null"/> for a team's budget.
    /// </param>
    public void ObserveBudgets(Func<IEnumerable<(string Team, string? Key, double Limit, double Spent, double Reserved)>> budgets) =>
        meter.CreateObservableGauge(
            Budget,
            () => budgets().SelectMany(static budget => (Measurement<double>[])
            [
                Of(budget.Team, budget.Key, "limit", budget.Limit),
                Of(budget.Team, budget.Key, "spent", budget.Spent),
                Of(budget.Team, budget.Key, "reserved", budget.Reserved),
            ]),
            "usd",
            "The budget of a team or of a key in its current period: its limit, its charges and its open reservations.");

    /// <summary>Creates the metric of the destinations' health. Must be called once.</summary>
    /// <param name="destinations">Returns the destinations of the settings, and whether each is left alone.</param>
    public void ObserveDestinations(
        Func<IReadOnlyCollection<(string Cluster, string Destination, bool IsLeftAlone)>> destinations) => meter.CreateObservableGauge(
        "gateway.destination.left_alone",
        () => destinations().Select(one => new Measurement<int>(
            one.IsLeftAlone ? 1 : 0,
            new KeyValuePair<string, object?>("cluster", one.Cluster),
            new KeyValuePair<string, object?>("destination", one.Destination))),
        null,
        "1 while a destination is left alone because it cannot be reached, otherwise 0.");

    /// <summary>Creates the metrics of background workers. Must be called once.</summary>
    public void ObserveWorkers(WorkerHealth health)
    {
        meter.CreateObservableGauge(
            "gateway.worker.failing",
            () => health.Workers.Select(worker => new Measurement<int>(worker.IsFailing ? 1 : 0, Tag(worker))),
            null,
            "1 if the last turn of a background worker failed, otherwise 0.");
        meter.CreateObservableCounter(
            "gateway.worker.failures",
            () => health.Workers.Select(worker => new Measurement<long>(worker.Failures, Tag(worker))),
            "{turn}",
            "Failed turns of background workers.");

        static KeyValuePair<string, object?> Tag(WorkerState worker) => new("worker", worker.Name);
    }

    /// <summary>Creates the metrics of the current settings and of the last reload. Must be called once.</summary>
    public void ObserveSettings(Func<SettingsState> state)
    {
        meter.CreateObservableGauge(
            "gateway.reload.succeeded",
            () => state().LastReloadSucceeded ? 1 : 0,
            null,
            "1 if the last reload of the settings succeeded, otherwise 0.");
        meter.CreateObservableGauge(
            "gateway.reload.timestamp",
            () => state().LoadedAt.ToUnixTimeSeconds(),
            "s",
            "Unix time at which the current settings were loaded.");
        var version = new KeyValuePair<string, object?>("version", new CurrentVersion(state));
        meter.CreateObservableGauge(
            "gateway.settings.info", () => new Measurement<int>(1, version), null, "1; the tag is the version of the current settings.");
    }

    private static Measurement<double> Of(string team, string? key, string kind, double usd) => key is null
        ? new(usd, new KeyValuePair<string, object?>(Team, team), new KeyValuePair<string, object?>("kind", kind))
        : new(usd, new(Team, team), new("key", key), new("kind", kind));

    /// <summary>
    /// The version of the current settings as the value of a tag. The library keeps a series for each value that it has seen, up to 2,000, and
    /// exports all of them; later values share one series without the tag. It tells values apart by equality and writes them as text at each
    /// export, so this one object is one series, whose text is the current version.
    /// </summary>
    private sealed class CurrentVersion(Func<SettingsState> state)
    {
        public override string ToString() => state().Version;
    }
}
