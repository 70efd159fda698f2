using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Workers;

namespace Gateway.Observability;

/// <summary>
/// The gateway's metrics, with one method per event. Names and tags follow OpenTelemetry's conventions for generative AI where these define
/// them. Every tag has a bounded set of values. Without a listener (neither an admin address nor an OTLP endpoint) a call only checks a
/// flag.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "OpenRouterGateway";

    /// <summary>The number of models with series of their own.</summary>
    public const int MaxModels = 500;

    /// <summary>The number of providers with series of their own.</summary>
    public const int MaxProviders = 200;

    /// <summary>The number of versions of the settings with a series.</summary>
    private const int MaxVersions = 10;

    private const string Team = "team";
    private const string Endpoint = "endpoint";
    private const string Provider = "provider";
    private const string ProviderName = "openrouter";
    private const string OperationNameTag = "gen_ai.operation.name";
    private const string ProviderNameTag = "gen_ai.provider.name";
    private const string RequestModelTag = "gen_ai.request.model";
    private const string ResponseModelTag = "gen_ai.response.model";
    private const string TokenTypeTag = "gen_ai.token.type";
    private const string ErrorTypeTag = "error.type";

    // The boundaries that the GenAI conventions specify.
    private static readonly InstrumentAdvice<long> TokenBuckets = new()
    {
        HistogramBucketBoundaries =
            [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
    };

    private static readonly InstrumentAdvice<double> DurationBuckets = new()
    {
        HistogramBucketBoundaries = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    };

    private static readonly InstrumentAdvice<double> FirstTokenBuckets = new()
    {
        HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
    };

    private readonly Meter _meter;
    private readonly TagValueLimiter _models = new(MaxModels);
    private readonly TagValueLimiter _providers = new(MaxProviders);
    private readonly Counter<long> _requests;
    private readonly Counter<long> _refusals;
    private readonly Histogram<long> _tokens;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _timeToFirstToken;
    private readonly Counter<double> _cost;
    private readonly Counter<long> _settlements;
    private readonly Counter<long> _repeatedAttempts;
    private readonly Counter<long> _alerts;

    // The current version and the ones before it. A series that is no longer observed keeps its last value, so a replaced version is
    // observed as 0.
    private readonly List<string> _versions = [];

    public GatewayMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("gateway.requests", "{request}", "Finished requests.");
        _refusals = _meter.CreateCounter<long>("gateway.refusals", "{request}", "Requests that the gateway refused, by reason.");
        _tokens = _meter.CreateHistogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a generation, as billed by upstream.", null, TokenBuckets);
        _duration = _meter.CreateHistogram(
            "gen_ai.client.operation.duration", "s", "From the start of a request to the end of its response.", null, DurationBuckets);
        _timeToFirstToken = _meter.CreateHistogram(
            "gen_ai.server.time_to_first_token", "s", "From the start of a request to its first data.", null, FirstTokenBuckets);
        _cost = _meter.CreateCounter<double>("gateway.cost", "USD", "Cost of generations. For graphs; the ledger is exact.");
        _settlements = _meter.CreateCounter<long>(
            "gateway.settlements", "{generation}", "Generations whose ledger row has reached a state.");
        _repeatedAttempts = _meter.CreateCounter<long>(
            "gateway.attempts.repeated", "{attempt}", "Attempts after whose failure the gateway sent the request again.");
        _alerts = _meter.CreateCounter<long>("gateway.alerts", "{post}", "Posts of alerts to webhooks, by outcome.");
    }

    /// <summary>Whether metrics are exported.</summary>
    public bool IsExported => _requests.Enabled;

    /// <summary>Records the end of any request.</summary>
    /// <param name="team">The id of the team; <see langword="null"/> without a team.</param>
    /// <param name="path">The requested path. Unknown paths share one tag value.</param>
    /// <param name="status">The status of the response.</param>
    /// <param name="end">How the request ended.</param>
    public void RequestEnded(string? team, ReadOnlySpan<char> path, int status, RequestEnd end)
    {
        if (_requests.Enabled)
        {
            _requests.Add(1, new TagList
            {
                { Team, team ?? "" },
                { Endpoint, EndpointTag(path) },
                { "status_class", StatusClassTag(status) },
                { "end", EndTag(end) },
            });
        }
    }

    /// <summary>Records a refusal, in addition to the end of the request.</summary>
    /// <param name="code">The <c>code</c> of the gateway's error.</param>
    /// <param name="team">The id of the team; <see langword="null"/> if it is unknown.</param>
    public void RequestRefused(string code, string? team) =>
        _refusals.Add(1, new KeyValuePair<string, object?>("code", code), new KeyValuePair<string, object?>(Team, team ?? ""));

    /// <summary>Records the end of a metered call.</summary>
    /// <param name="generation">The tags.</param>
    /// <param name="end">How the call ended. Any end except <see cref="RequestEnd.Completed"/> is an error.</param>
    /// <param name="status">The status of upstream's response. A status of 400 or more is an error.</param>
    /// <param name="duration">From the start of the request to its end.</param>
    /// <param name="timeToFirstToken">From the start of the request to the first data; <see langword="null"/> without data.</param>
    public void GenerationEnded(
        in MeteredGeneration generation, RequestEnd end, int status, TimeSpan duration, TimeSpan? timeToFirstToken)
    {
        if (!_duration.Enabled && !_timeToFirstToken.Enabled)
        {
            return;
        }

        var tags = Describe(generation);
        if (timeToFirstToken is { } first)
        {
            _timeToFirstToken.Record(first.TotalSeconds, tags);
        }

        tags.Add(ErrorTypeTag, ErrorTag(end, status));
        _duration.Record(duration.TotalSeconds, tags);
    }

    /// <summary>
    /// Records the bill of a generation. Called once per generation, whether the response or a later request returned the bill.
    /// </summary>
    /// <param name="generation">The tags.</param>
    /// <param name="usage">The bill. Unknown values are not recorded.</param>
    public void GenerationBilled(in MeteredGeneration generation, Usage usage)
    {
        if (_tokens.Enabled)
        {
            if (usage.PromptTokens is { } prompt)
            {
                var tags = Describe(generation);
                tags.Add(TokenTypeTag, "input");
                _tokens.Record(prompt, tags);
            }

            if (usage.CompletionTokens is { } completion)
            {
                var tags = Describe(generation);
                tags.Add(TokenTypeTag, "output");
                _tokens.Record(completion, tags);
            }
        }

        if (_cost.Enabled && usage.Cost is { } cost)
        {
            // A counter cannot decrease. The rounding of a double is invisible in a graph.
            _cost.Add(Math.Max(0, cost.ApproximateUsd), new TagList
            {
                { Team, generation.Team ?? "" },
                { ResponseModelTag, _models.Tag(generation.AnsweredModel, isTrusted: true) },
                { Provider, _providers.Tag(generation.Provider, isTrusted: true) },
            });
        }
    }

    /// <summary>Records that the ledger row of a generation has reached a state.</summary>
    public void Settled(GenerationState state)
    {
        if (_settlements.Enabled)
        {
            _settlements.Add(1, new KeyValuePair<string, object?>("state", StateTag(state)));
        }
    }

    /// <summary>Records an attempt that is repeated. Repetitions by the HTTP client are not recorded.</summary>
    /// <param name="destination">The id of the destination.</param>
    /// <param name="reason">Why upstream has not processed it; otherwise its response is dropped.</param>
    /// <param name="status">The status of a dropped response.</param>
    public void AttemptRepeated(string destination, Unprocessed reason, int status) => _repeatedAttempts.Add(
        1,
        new KeyValuePair<string, object?>("destination", destination),
        new KeyValuePair<string, object?>("reason", ReasonTag(reason, status)));

    /// <summary>Records the outcome of an alert's post.</summary>
    /// <param name="kind">The kind of the alert.</param>
    /// <param name="outcome"><c>posted</c>, <c>failed</c> (it is posted again) or <c>dropped</c> (it is given up).</param>
    public void AlertEnded(string kind, string outcome) =>
        _alerts.Add(1, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("outcome", outcome));

    /// <summary>Creates the metrics of the ledger. Must be called once.</summary>
    /// <param name="queue">Returns the number of queued entries.</param>
    /// <param name="journal">Returns the size of this process's journal in bytes.</param>
    /// <param name="failures">Returns the number of failed writes since the start of the process.</param>
    /// <param name="dropped">Returns the number of lost entries since the start of the process.</param>
    public void ObserveLedger(Func<int> queue, Func<long> journal, Func<long> failures, Func<long> dropped)
    {
        _meter.CreateObservableGauge("gateway.ledger.queue", queue, "{entry}", "Entries queued for the ledger.");
        _meter.CreateObservableGauge("gateway.ledger.journal", journal, "By", "Size of the journal beside the SQLite ledger.");
        _meter.CreateObservableCounter("gateway.ledger.failures", failures, "{failure}", "Failed writes to the ledger.");
        _meter.CreateObservableCounter(
            "gateway.ledger.dropped", dropped, "{entry}", "Entries lost because the ledger's queue was full.");
    }

    /// <summary>Creates the metric of a limit store with a circuit breaker. Must be called at most once.</summary>
    /// <param name="isOpen">Returns whether the circuit is open.</param>
    public void ObserveLimitStore(Func<bool> isOpen) => _meter.CreateObservableGauge(
        "gateway.limits.store_open", () => isOpen() ? 1 : 0, null, "1 while the circuit breaker of the limit store is open, otherwise 0.");

    /// <summary>Creates the metrics of the memory for request bodies. Must be called once.</summary>
    /// <param name="held">Returns the number of reserved bytes.</param>
    /// <param name="waiting">Returns the number of bodies that wait for a reservation.</param>
    public void ObserveBodies(Func<long> held, Func<int> waiting)
    {
        _meter.CreateObservableGauge("gateway.bodies.held", held, "By", "Memory reserved for request bodies of more than 64 KB.");
        _meter.CreateObservableGauge("gateway.bodies.waiting", waiting, "{request}", "Requests whose unread body waits for memory.");
    }

    /// <summary>Creates the metrics of connections and of requests in flight. Must be called once.</summary>
    /// <param name="open">Returns the number of open connections.</param>
    /// <param name="refused">Returns the number of refused connections.</param>
    /// <param name="limit">Returns the maximum number of connections.</param>
    /// <param name="inFlight">Returns the number of requests in flight.</param>
    public void ObserveCapacity(Func<int> open, Func<long> refused, Func<int> limit, Func<int> inFlight)
    {
        _meter.CreateObservableGauge("gateway.connections.open", open, "{connection}", "Open connections of clients.");
        _meter.CreateObservableGauge("gateway.connections.limit", limit, "{connection}", "The maximum of open connections of clients.");
        _meter.CreateObservableCounter(
            "gateway.connections.refused", refused, "{connection}", "Connections that were closed at once because all were in use.");
        _meter.CreateObservableGauge("gateway.requests.in_flight", inFlight, "{request}", "Requests in flight.");
    }

    /// <summary>Creates the metric of the log. Must be called once.</summary>
    /// <param name="dropped">Returns the number of dropped lines.</param>
    public void ObserveLog(Func<long> dropped) => _meter.CreateObservableCounter(
        "gateway.log.dropped", dropped, "{line}", "Log lines that were dropped because standard output was not read, or failed.");

    /// <summary>Creates the metric of the OpenRouter keys' drift. Must be called once.</summary>
    /// <param name="drift">Returns the drift in US dollars, by the mark of a key.</param>
    public void ObserveDrift(Func<IReadOnlyCollection<KeyValuePair<string, double>>> drift) => _meter.CreateObservableGauge(
        "gateway.upstream.drift",
        () => drift().Select(key => new Measurement<double>(key.Value, new KeyValuePair<string, object?>("key", key.Key))),
        "usd",
        "What upstream says that an OpenRouter key has used, less what the ledger says, both since the gateway first asked.");

    /// <summary>Creates the metric of the budgets. Must be called once.</summary>
    /// <param name="budgets">
    /// Returns the amounts of each budget in US dollars; the label of the key is <see langword="null"/> for a team's budget.
    /// </param>
    public void ObserveBudgets(Func<IEnumerable<(string Team, string? Key, double Limit, double Spent, double Reserved)>> budgets) =>
        _meter.CreateObservableGauge(
            "gateway.budget",
            () => budgets().SelectMany(static budget => (Measurement<double>[])
            [
                Of(budget.Team, budget.Key, "limit", budget.Limit),
                Of(budget.Team, budget.Key, "spent", budget.Spent),
                Of(budget.Team, budget.Key, "reserved", budget.Reserved),
            ]),
            "usd",
            "The budget of a team or of a key in its current period: its limit, its charges and its open reservations.");

    private static Measurement<double> Of(string team, string? key, string kind, double usd) => key is null
        ? new(usd, new KeyValuePair<string, object?>(Team, team), new KeyValuePair<string, object?>("kind", kind))
        : new(usd, new(Team, team), new("key", key), new("kind", kind));

    /// <summary>Creates the metric of the destinations' health. Must be called once.</summary>
    /// <param name="destinations">Returns the destinations of the settings, and whether each is left alone.</param>
    public void ObserveDestinations(
        Func<IReadOnlyCollection<(string Cluster, string Destination, bool IsLeftAlone)>> destinations) => _meter.CreateObservableGauge(
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
        _meter.CreateObservableGauge(
            "gateway.worker.failing",
            () => health.Workers.Select(worker => new Measurement<int>(worker.IsFailing ? 1 : 0, Tag(worker))),
            null,
            "1 if the last turn of a background worker failed, otherwise 0.");
        _meter.CreateObservableCounter(
            "gateway.worker.failures",
            () => health.Workers.Select(worker => new Measurement<long>(worker.Failures, Tag(worker))),
            "{turn}",
            "Failed turns of background workers.");

        static KeyValuePair<string, object?> Tag(WorkerState worker) => new("worker", worker.Name);
    }

    /// <summary>Creates the metrics of the current settings and of the last reload. Must be called once.</summary>
    public void ObserveSettings(Func<SettingsState> state)
    {
        _meter.CreateObservableGauge(
            "gateway.reload.succeeded",
            () => state().LastReloadSucceeded ? 1 : 0,
            null,
            "1 if the last reload of the settings succeeded, otherwise 0.");
        _meter.CreateObservableGauge(
            "gateway.reload.timestamp",
            () => state().LoadedAt.ToUnixTimeSeconds(),
            "s",
            "Unix time at which the current settings were loaded.");
        _meter.CreateObservableGauge(
            "gateway.settings.info",
            () => ObserveVersions(state().Version),
            null,
            "1 for the version of the current settings, 0 for earlier versions.");
    }

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();

    /// <summary>The tag value of a path, with or without the path of the base address. Unknown paths must not create tag values.</summary>
    internal static string EndpointTag(ReadOnlySpan<char> path) => BelowBase(path) switch
    {
        "/chat/completions" => "/chat/completions",
        "/completions" => "/completions",
        "/responses" => "/responses",
        "/messages" => "/messages",
        "/messages/count_tokens" => "/messages/count_tokens",
        "/embeddings" => "/embeddings",
        "/rerank" => "/rerank",
        "/images" => "/images",
        "/images/generations" => "/images/generations",
        "/audio/speech" => "/audio/speech",
        "/audio/transcriptions" => "/audio/transcriptions",
        "/videos" => "/videos",
        "/models" => "/models",
        "/generation" => "/generation",
        _ => TagValueLimiter.Other,
    };

    internal static string OperationTag(ReadOnlySpan<char> path) => BelowBase(path) switch
    {
        "/chat/completions" or "/responses" or "/messages" => "chat",
        "/completions" => "text_completion",
        "/embeddings" => "embeddings",
        "/rerank" => "rerank",
        _ => "generate_content",
    };

    internal static string StatusClassTag(int status) => (status / 100) switch
    {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => TagValueLimiter.Other,
    };

    internal static string EndTag(RequestEnd end) => end switch
    {
        RequestEnd.Completed => "completed",
        RequestEnd.Refused => "refused",
        RequestEnd.ClientLeft => "client_left",
        RequestEnd.UpstreamUnreachable => "upstream_unreachable",
        RequestEnd.UpstreamTimedOut => "upstream_timed_out",
        RequestEnd.UpstreamBroke => "upstream_broke",
        RequestEnd.Failed => "failed",
        RequestEnd.Shutdown => "shutdown",
        _ => TagValueLimiter.Other,
    };

    internal static string ReasonTag(Unprocessed reason, int status) => reason switch
    {
        Unprocessed.NoConnection => "no_connection",
        Unprocessed.Refused => "refused",
        _ => StatusClassTag(status),
    };

    internal static string StateTag(GenerationState state) => state switch
    {
        GenerationState.Reserved => "reserved",
        GenerationState.Provisional => "provisional",
        GenerationState.Settled => "settled",
        GenerationState.Unresolvable => "unresolvable",
        GenerationState.WrittenOff => "written_off",
        _ => TagValueLimiter.Other,
    };

    /// <summary>The tag value of an error; empty without an error.</summary>
    internal static string ErrorTag(RequestEnd end, int status) =>
        end != RequestEnd.Completed ? EndTag(end) : status >= 400 ? StatusClassTag(status) : "";

    private static ReadOnlySpan<char> BelowBase(ReadOnlySpan<char> path)
    {
        path = path.StartsWith("/api/") ? path["/api".Length..] : path;
        return path.StartsWith("/v1/") ? path["/v1".Length..] : path;
    }

    /// <summary>The common tags of the GenAI instruments, always in the same order, in which the exporter finds a series faster.</summary>
    private TagList Describe(in MeteredGeneration generation) => new()
    {
        { OperationNameTag, OperationTag(generation.Endpoint) },
        { ProviderNameTag, ProviderName },
        { RequestModelTag, _models.Tag(generation.SentModel, generation.IsSentModelKnown) },
        { ResponseModelTag, _models.Tag(generation.AnsweredModel, isTrusted: true) },
        { Team, generation.Team ?? "" },
    };

    private List<Measurement<int>> ObserveVersions(string current)
    {
        lock (_versions)
        {
            _versions.Remove(current);
            _versions.Add(current);
            if (_versions.Count > MaxVersions)
            {
                _versions.RemoveAt(0);
            }

            return [.. _versions.Select(version =>
                new Measurement<int>(version == current ? 1 : 0, new KeyValuePair<string, object?>("version", version)))];
        }
    }
}
