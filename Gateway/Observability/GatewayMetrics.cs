using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gateway.Billing;
using Gateway.Errors;

namespace Gateway.Observability;

/// <summary>
/// The gateway's metrics, with one method per event; <see cref="ObservedMetrics"/> are those of the process's state. Names and tags follow
/// OpenTelemetry's conventions for generative AI where these define them. Every tag has a bounded set of values. Without a listener (neither
/// an admin address nor an OTLP endpoint) a call only checks a flag.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "OpenRouterGateway";

    /// <summary>The number of models with series of their own.</summary>
    public const int MaxModels = 500;

    /// <summary>The number of providers with series of their own.</summary>
    public const int MaxProviders = 200;

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

    public GatewayMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        Observed = new ObservedMetrics(_meter);
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

    /// <summary>The metrics of the process's state.</summary>
    public ObservedMetrics Observed { get; }

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
        RequestEnd.Dropped => "dropped",
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
}
