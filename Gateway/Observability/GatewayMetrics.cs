using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Workers;

namespace Gateway.Observability;

/// <summary>
/// The gateway's instruments, a method an event. Names and tags are OpenTelemetry's for generative AI where it has one; every tag has a
/// bounded set of values. While nobody listens (no admin address, no OTLP endpoint) a call costs a look at a flag.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "OpenRouterGateway";

    /// <summary>How many models, and how many providers, get series of their own.</summary>
    public const int MaxModels = 500;
    public const int MaxProviders = 200;

    /// <summary>How many versions of the settings are shown, all but one with a 0.</summary>
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

    // The boundaries that the GenAI conventions ask for.
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

    // The versions in force of late: a series that is no longer observed keeps its last value, and would say 1 for ever.
    private readonly List<string> _versions = [];

    public GatewayMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("gateway.requests", "{request}", "Requests that have ended.");
        _refusals = _meter.CreateCounter<long>("gateway.refusals", "{request}", "Requests that the gateway refused, by reason.");
        _tokens = _meter.CreateHistogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a generation, as upstream bills them.", null, TokenBuckets);
        _duration = _meter.CreateHistogram(
            "gen_ai.client.operation.duration", "s", "From a generation's request to the end of its answer.", null, DurationBuckets);
        _timeToFirstToken = _meter.CreateHistogram(
            "gen_ai.server.time_to_first_token", "s", "From a generation's request to the first data of its answer.", null, FirstTokenBuckets);
        _cost = _meter.CreateCounter<double>("gateway.cost", "USD", "What generations cost. For graphs; the ledger is exact.");
        _settlements = _meter.CreateCounter<long>(
            "gateway.settlements", "{generation}", "Generations whose row of the ledger came to a state.");
    }

    /// <summary>Notes a request that has ended, whatever it asked for.</summary>
    /// <param name="team">Id of the team, if there are teams.</param>
    /// <param name="path">The path asked for; unknown ones count together.</param>
    /// <param name="status">The status that was answered.</param>
    /// <param name="end">How it ended.</param>
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

    /// <summary>Notes a refusal. It is also a request that ended.</summary>
    /// <param name="code">The error's <c>code</c>, a word of the gateway's own.</param>
    /// <param name="team">Id of the team, where it is known by then.</param>
    public void RequestRefused(string code, string? team) =>
        _refusals.Add(1, new KeyValuePair<string, object?>("code", code), new KeyValuePair<string, object?>(Team, team ?? ""));

    /// <summary>Notes a generation whose answer has ended.</summary>
    /// <param name="generation">Whose, and of what.</param>
    /// <param name="end">How it ended; anything but <see cref="RequestEnd.Completed"/> is an error.</param>
    /// <param name="status">The status that was answered; 400 and more is an error too.</param>
    /// <param name="duration">From the request to the end.</param>
    /// <param name="timeToFirstToken">From the request to the first data, if any came.</param>
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

    /// <summary>Notes the bill of a generation, once: when its answer told it, or when upstream was asked for it.</summary>
    /// <param name="generation">Whose, and of what.</param>
    /// <param name="usage">The bill. What it does not tell is not counted.</param>
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
            // A counter only grows, and a fraction of a cent that a double loses does not show in a graph.
            _cost.Add(Math.Max(0, (double)cost.Value / 1e12), new TagList
            {
                { Team, generation.Team ?? "" },
                { ResponseModelTag, _models.Tag(generation.AnsweredModel, isTrusted: true) },
                { Provider, _providers.Tag(generation.Provider, isTrusted: true) },
            });
        }
    }

    /// <summary>Notes that a generation's row came to a state.</summary>
    public void Settled(GenerationState state)
    {
        if (_settlements.Enabled)
        {
            _settlements.Add(1, new KeyValuePair<string, object?>("state", StateTag(state)));
        }
    }

    /// <summary>Shows how the ledger is doing. To be called once.</summary>
    /// <param name="queue">Entries that wait to be written.</param>
    /// <param name="failures">Writes that failed, since the start.</param>
    /// <param name="dropped">Entries that will never be in the ledger, since the start.</param>
    public void ObserveLedger(Func<int> queue, Func<long> failures, Func<long> dropped)
    {
        _meter.CreateObservableGauge("gateway.ledger.queue", queue, "{entry}", "Entries that wait to be written into the ledger.");
        _meter.CreateObservableCounter("gateway.ledger.failures", failures, "{failure}", "Writes of the ledger that failed.");
        _meter.CreateObservableCounter(
            "gateway.ledger.dropped", dropped, "{entry}", "Entries of the ledger that were lost because its queue was full.");
    }

    /// <summary>Shows whether the store of limits is given up on for now. To be called once, if there is one that can fail.</summary>
    public void ObserveLimitStore(Func<bool> isOpen) => _meter.CreateObservableGauge(
        "gateway.limits.store_open", () => isOpen() ? 1 : 0, null, "1 while the store of limits fails and is not asked, else 0.");

    /// <summary>Shows what request bodies hold in memory. To be called once.</summary>
    /// <param name="held">Bytes of the places that are taken.</param>
    /// <param name="waiting">Bodies that wait for one.</param>
    public void ObserveBodies(Func<long> held, Func<int> waiting)
    {
        _meter.CreateObservableGauge("gateway.bodies.held", held, "By", "Memory that request bodies of more than 64 KB have taken.");
        _meter.CreateObservableGauge("gateway.bodies.waiting", waiting, "{request}", "Requests whose body waits, unread, for memory.");
    }

    /// <summary>Shows which workers fail. To be called once.</summary>
    public void ObserveWorkers(WorkerHealth health)
    {
        _meter.CreateObservableGauge(
            "gateway.worker.failing",
            () => health.Workers.Select(worker => new Measurement<int>(worker.IsFailing ? 1 : 0, Tag(worker))),
            null,
            "1 while the last turn of a background worker failed, else 0.");
        _meter.CreateObservableCounter(
            "gateway.worker.failures",
            () => health.Workers.Select(worker => new Measurement<long>(worker.Failures, Tag(worker))),
            "{turn}",
            "Turns of background workers that failed.");

        static KeyValuePair<string, object?> Tag(WorkerState worker) => new("worker", worker.Name);
    }

    /// <summary>Shows the settings in force and how the last reload went. To be called once.</summary>
    public void ObserveSettings(Func<SettingsState> state)
    {
        _meter.CreateObservableGauge(
            "gateway.reload.succeeded", () => state().LastReloadSucceeded ? 1 : 0, null, "1 if the last change of the settings was taken, else 0.");
        _meter.CreateObservableGauge(
            "gateway.reload.timestamp", () => state().LoadedAt.ToUnixTimeSeconds(), "s", "When the settings in force were loaded, in Unix time.");
        _meter.CreateObservableGauge(
            "gateway.settings.info", () => ObserveVersions(state().Version), null, "1 for the version of the settings in force.");
    }

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();

    /// <summary>The tag of an endpoint, with or without the base address' path: a caller's path must not be one.</summary>
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
        _ => TagValueLimiter.Other,
    };

    internal static string StateTag(GenerationState state) => state switch
    {
        GenerationState.Reserved => "reserved",
        GenerationState.Provisional => "provisional",
        GenerationState.Settled => "settled",
        GenerationState.Unresolvable => "unresolvable",
        _ => TagValueLimiter.Other,
    };

    /// <summary>Empty when nothing went wrong.</summary>
    internal static string ErrorTag(RequestEnd end, int status) =>
        end != RequestEnd.Completed ? EndTag(end) : status >= 400 ? StatusClassTag(status) : "";

    private static ReadOnlySpan<char> BelowBase(ReadOnlySpan<char> path)
    {
        path = path.StartsWith("/api/") ? path["/api".Length..] : path;
        return path.StartsWith("/v1/") ? path["/v1".Length..] : path;
    }

    /// <summary>The tags that all instruments of the GenAI conventions have, always in one order: the exporter finds a series faster.</summary>
    private TagList Describe(in MeteredGeneration generation) => new()
    {
        { OperationNameTag, OperationTag(generation.Endpoint) },
        { ProviderNameTag, ProviderName },
        { RequestModelTag, _models.Tag(generation.SentModel, generation.IsPriced || generation.AnsweredModel is not null) },
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
