using System.Diagnostics.Metrics;
using System.Globalization;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Observability;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

// Not beside the tests that export: an exporter listens to every meter of this name in the process.
[Collection(nameof(GatewayMetrics))]
public sealed class GatewayMetricsTests : IDisposable
{
    private static readonly MeteredGeneration Generation =
        new("search", "/chat/completions", "openai/gpt-4o", true, "openai/gpt-4o-2024-11-20", "Azure");

    private readonly ServiceProvider _services;
    private readonly IMeterFactory _meters;
    private readonly GatewayMetrics _metrics;
    private readonly MeterListener _listener = new();
    private readonly List<string> _seen = [];

    public GatewayMetricsTests()
    {
        _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        _meters = _services.GetRequiredService<IMeterFactory>();
        _metrics = new GatewayMetrics(_meters);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _metrics.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void WithoutAListener_NothingIsAllocated()
    {
        var usage = new Usage { PromptTokens = 1, CompletionTokens = 2, Cost = new PicoDollars(3) };

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                Record();
            }
        }));

        void Record()
        {
            _metrics.RequestEnded("search", "/v1/chat/completions", 200, RequestEnd.Completed);
            _metrics.RequestRefused("rate_limit_exceeded", "search");
            _metrics.GenerationEnded(Generation, RequestEnd.Completed, 200, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
            _metrics.GenerationBilled(Generation, usage);
            _metrics.Settled(GenerationState.Settled);
        }
    }

    [Fact]
    public void Request_IsCountedWithItsTags()
    {
        Listen();

        _metrics.RequestEnded("search", "/v1/embeddings", 404, RequestEnd.Refused);
        _metrics.RequestEnded(null, "/etc/passwd", 200, RequestEnd.Completed);

        Assert.Equal(
            [
                "gateway.requests 1 team=search endpoint=/embeddings status_class=4xx end=refused",
                "gateway.requests 1 team= endpoint=other status_class=2xx end=completed",
            ],
            _seen);
    }

    [Fact]
    public void Refusal_IsCountedByItsCode()
    {
        Listen();

        _metrics.RequestRefused("budget_exceeded", "search");
        _metrics.RequestRefused("invalid_api_key", null);

        Assert.Equal(["gateway.refusals 1 code=budget_exceeded team=search", "gateway.refusals 1 code=invalid_api_key team="], _seen);
    }

    [Fact]
    public void Generation_IsTimed()
    {
        Listen();

        _metrics.GenerationEnded(Generation, RequestEnd.Completed, 200, TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(250));
        _metrics.GenerationEnded(Generation, RequestEnd.ClientLeft, 200, TimeSpan.FromSeconds(3), null);

        const string Tags = "gen_ai.operation.name=chat gen_ai.provider.name=openrouter gen_ai.request.model=openai/gpt-4o "
            + "gen_ai.response.model=openai/gpt-4o-2024-11-20 team=search";
        Assert.Equal(
            [
                $"gen_ai.server.time_to_first_token 0.25 {Tags}",
                $"gen_ai.client.operation.duration 2 {Tags} error.type=",
                $"gen_ai.client.operation.duration 3 {Tags} error.type=client_left",
            ],
            _seen);
    }

    [Fact]
    public void Bill_IsCountedAsFarAsItTells()
    {
        Listen();

        _metrics.GenerationBilled(
            Generation with { Team = null }, new Usage { PromptTokens = 1200, CompletionTokens = 30, Cost = new PicoDollars(1_500_000_000_000) });
        _metrics.GenerationBilled(Generation, new Usage());
        _metrics.GenerationBilled(Generation, new Usage { CompletionTokens = 7 });

        const string Tags = "gen_ai.operation.name=chat gen_ai.provider.name=openrouter gen_ai.request.model=openai/gpt-4o "
            + "gen_ai.response.model=openai/gpt-4o-2024-11-20";
        Assert.Equal(
            [
                $"gen_ai.client.token.usage 1200 {Tags} team= gen_ai.token.type=input",
                $"gen_ai.client.token.usage 30 {Tags} team= gen_ai.token.type=output",
                "gateway.cost 1.5 team= gen_ai.response.model=openai/gpt-4o-2024-11-20 provider=Azure",
                $"gen_ai.client.token.usage 7 {Tags} team=search gen_ai.token.type=output",
            ],
            _seen);
    }

    [Fact]
    public void Credit_DoesNotMakeTheCounterShrink()
    {
        Listen();

        _metrics.GenerationBilled(Generation, new Usage { Cost = new PicoDollars(-1) });

        Assert.StartsWith("gateway.cost 0 ", Assert.Single(_seen), StringComparison.Ordinal);
    }

    [Fact]
    public void Ledger_IsCountedAndShown()
    {
        var queue = 3;
        _metrics.Observed.ObserveLedger(() => queue, () => 5_000_000_000, () => 1, () => 17);
        Listen();

        _listener.RecordObservableInstruments();
        queue = 4;
        _listener.RecordObservableInstruments();

        Assert.Equal(
            ["gateway.ledger.dropped 17", "gateway.ledger.dropped 17", "gateway.ledger.failures 1", "gateway.ledger.failures 1",
                "gateway.ledger.journal 5000000000", "gateway.ledger.journal 5000000000", "gateway.ledger.queue 3", "gateway.ledger.queue 4"],
            _seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Bodies_AreShown()
    {
        _metrics.Observed.ObserveBodies(() => 5_000_000_000, () => 3);
        Listen();

        _listener.RecordObservableInstruments();

        Assert.Equal(["gateway.bodies.held 5000000000", "gateway.bodies.waiting 3"], _seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void LimitStore_IsShown()
    {
        var isOpen = false;
        _metrics.Observed.ObserveLimitStore(() => isOpen);
        Listen();

        _listener.RecordObservableInstruments();
        isOpen = true;
        _listener.RecordObservableInstruments();

        Assert.Equal(["gateway.limits.store_open 0", "gateway.limits.store_open 1"], _seen);
    }

    [Fact]
    public void Worker_IsShownAsFailing_UntilATurnSucceeds()
    {
        var health = new WorkerHealth();
        var worker = health.Register("prices");
        _metrics.Observed.ObserveWorkers(health);
        Listen();

        _listener.RecordObservableInstruments();
        worker.Fail();
        worker.Fail();
        _listener.RecordObservableInstruments();
        worker.Succeed();
        _listener.RecordObservableInstruments();

        Assert.Equal(
            [
                "gateway.worker.failing 0 worker=prices", "gateway.worker.failures 0 worker=prices",
                "gateway.worker.failing 1 worker=prices", "gateway.worker.failures 2 worker=prices",
                "gateway.worker.failing 0 worker=prices", "gateway.worker.failures 2 worker=prices",
            ],
            _seen);
    }

    [Fact]
    public void Settings_AreShown_WithTheirCurrentVersionOnly()
    {
        var state = new SettingsState { Version = "aaa", LoadedAt = DateTimeOffset.FromUnixTimeSeconds(1000) };
        _metrics.Observed.ObserveSettings(() => state);
        Listen();

        _listener.RecordObservableInstruments();
        Assert.Equal(
            ["gateway.reload.succeeded 1", "gateway.reload.timestamp 1000", "gateway.settings.info 1 version=aaa"], _seen.Order());

        _seen.Clear();
        state = state with { Version = "bbb", LoadedAt = DateTimeOffset.FromUnixTimeSeconds(2000), LastReloadSucceeded = false };
        _listener.RecordObservableInstruments();
        Assert.Equal(
            ["gateway.reload.succeeded 0", "gateway.reload.timestamp 2000", "gateway.settings.info 1 version=bbb"], _seen.Order());
    }

    [Theory]
    [InlineData("/chat/completions", "/chat/completions", "chat")]
    [InlineData("/v1/chat/completions", "/chat/completions", "chat")]
    [InlineData("/api/v1/chat/completions", "/chat/completions", "chat")]
    [InlineData("/v1/completions", "/completions", "text_completion")]
    [InlineData("/v1/responses", "/responses", "chat")]
    [InlineData("/v1/messages", "/messages", "chat")]
    [InlineData("/v1/messages/count_tokens", "/messages/count_tokens", "generate_content")]
    [InlineData("/v1/embeddings", "/embeddings", "embeddings")]
    [InlineData("/v1/rerank", "/rerank", "rerank")]
    [InlineData("/v1/images", "/images", "generate_content")]
    [InlineData("/v1/images/generations", "/images/generations", "generate_content")]
    [InlineData("/v1/audio/speech", "/audio/speech", "generate_content")]
    [InlineData("/v1/audio/transcriptions", "/audio/transcriptions", "generate_content")]
    [InlineData("/v1/videos", "/videos", "generate_content")]
    [InlineData("/v1/models", "/models", "generate_content")]
    [InlineData("/v1/generation", "/generation", "generate_content")]
    [InlineData("/v1/v1/models", "other", "generate_content")]
    [InlineData("/v1/chat/completions/x", "other", "generate_content")]
    [InlineData("", "other", "generate_content")]
    public void Path_HasABoundedTag(string path, string endpoint, string operation)
    {
        Assert.Equal(endpoint, GatewayMetrics.EndpointTag(path));
        Assert.Equal(operation, GatewayMetrics.OperationTag(path));
    }

    [Theory]
    [InlineData(101, "1xx")]
    [InlineData(200, "2xx")]
    [InlineData(304, "3xx")]
    [InlineData(499, "4xx")]
    [InlineData(503, "5xx")]
    [InlineData(0, "other")]
    [InlineData(999, "other")]
    public void Status_HasAClass(int status, string expected)
    {
        Assert.Equal(expected, GatewayMetrics.StatusClassTag(status));
    }

    [Theory]
    [InlineData(nameof(RequestEnd.Completed), "completed")]
    [InlineData(nameof(RequestEnd.Refused), "refused")]
    [InlineData(nameof(RequestEnd.Dropped), "dropped")]
    [InlineData(nameof(RequestEnd.ClientLeft), "client_left")]
    [InlineData(nameof(RequestEnd.UpstreamUnreachable), "upstream_unreachable")]
    [InlineData(nameof(RequestEnd.UpstreamTimedOut), "upstream_timed_out")]
    [InlineData(nameof(RequestEnd.UpstreamBroke), "upstream_broke")]
    [InlineData(nameof(RequestEnd.Failed), "failed")]
    [InlineData(nameof(RequestEnd.Shutdown), "shutdown")]
    public void End_HasAWord(string end, string expected)
    {
        var value = Enum.Parse<RequestEnd>(end);

        Assert.Equal(expected, GatewayMetrics.EndTag(value));
        Assert.Equal(value == RequestEnd.Completed ? "" : expected, GatewayMetrics.ErrorTag(value, 200));
        Assert.Equal(value == RequestEnd.Completed ? "5xx" : expected, GatewayMetrics.ErrorTag(value, 502));
    }

    [Theory]
    [InlineData(nameof(GenerationState.Reserved), "reserved")]
    [InlineData(nameof(GenerationState.Provisional), "provisional")]
    [InlineData(nameof(GenerationState.Settled), "settled")]
    [InlineData(nameof(GenerationState.Unresolvable), "unresolvable")]
    public void Settlement_IsCountedByItsState(string state, string expected)
    {
        Listen();

        _metrics.Settled(Enum.Parse<GenerationState>(state));

        Assert.Equal(["gateway.settlements 1 state=" + expected], _seen);
    }

    [Fact]
    public void EveryEnumValue_HasAWordOfItsOwn()
    {
        Assert.All(Enum.GetValues<RequestEnd>(), end => Assert.NotEqual("other", GatewayMetrics.EndTag(end)));
        Assert.All(Enum.GetValues<GenerationState>(), state => Assert.NotEqual("other", GatewayMetrics.StateTag(state)));
    }

    [Fact]
    public void ModelOfACaller_IsNoTagUntilSomebodyElseKnowsIt()
    {
        Listen();
        var unknown = new MeteredGeneration("t", "/chat/completions", "free text", false, null, null);

        Ended(unknown);
        Ended(unknown with { IsPriced = true });
        Ended(unknown);
        Ended(unknown with { SentModel = "other text", AnsweredModel = "m" });
        Ended(unknown with { SentModel = null });

        Assert.Equal(
            ["other|", "free text|", "free text|", "other|m", "|"],
            _seen.Select(line => $"{TagOf(line, "gen_ai.request.model")}|{TagOf(line, "gen_ai.response.model")}"));

        void Ended(MeteredGeneration generation) =>
            _metrics.GenerationEnded(generation, RequestEnd.Completed, 200, TimeSpan.Zero, null);
    }

    [Fact]
    public void Models_AreBounded()
    {
        Listen();
        for (var i = 0; i < GatewayMetrics.MaxModels + 100; i++)
        {
            _metrics.GenerationEnded(
                new MeteredGeneration("t", "/chat/completions", null, false, $"model-{i}", null), RequestEnd.Completed, 200, default, null);
        }

        var models = _seen.Select(line => TagOf(line, "gen_ai.response.model")).ToArray();
        Assert.Equal(GatewayMetrics.MaxModels + 1, models.Distinct().Count());
        Assert.Equal(100, models.Count(model => model == "other"));
    }

    [Fact]
    public void KnownNames_KeepsWhatItLearntAndNoMore()
    {
        var names = new TagValueLimiter(2);

        Assert.Equal("", names.Tag(null, isTrusted: true));
        Assert.Equal("", names.Tag("", isTrusted: true));
        Assert.Equal("other", names.Tag("a", isTrusted: false));
        Assert.Equal("other", names.Tag(new string('x', TagValueLimiter.LongestName + 1), isTrusted: true));
        Assert.Equal("a", names.Tag("a", isTrusted: true));
        Assert.Equal("b", names.Tag("b", isTrusted: true));
        Assert.Equal("a", names.Tag("A", isTrusted: true));
        Assert.Equal("other", names.Tag("c", isTrusted: true));
        Assert.Equal("a", names.Tag("a", isTrusted: false));
    }

    [Fact]
    public void KnownNames_KeepsItsBoundUnderThreads()
    {
        var names = new TagValueLimiter(50);
        var kept = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();

        Parallel.For(0, 4000, i => kept.TryAdd(names.Tag($"n{i % 200}", isTrusted: true), true));

        Assert.InRange(kept.Count(name => name.Key != TagValueLimiter.Other), 1, 50);
    }

    /// <summary>Hears this test's own meter and no other's: those of other tests have the same name.</summary>
    private void Listen()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, _meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    private void Note(Instrument instrument, IFormattable value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var line = $"{instrument.Name} {value.ToString(null, CultureInfo.InvariantCulture)}";
        foreach (var (name, tag) in tags)
        {
            line += $" {name}={tag}";
        }

        _seen.Add(line);
    }

    private static string TagOf(string line, string name)
    {
        var value = line[(line.IndexOf(name + "=", StringComparison.Ordinal) + name.Length + 1)..];
        return System.Text.RegularExpressions.Regex.Split(value, @" [a-z_.]+=")[0];
    }
}
