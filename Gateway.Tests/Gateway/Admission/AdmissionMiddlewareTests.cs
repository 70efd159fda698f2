using System.Diagnostics.Metrics;
using System.Globalization;
using Gateway.Admission;
using Gateway.Alerts;
using Gateway.Authentication;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Observability;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Routing;
using Gateway.Secrets;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: every admitted call receives its end, with any outcome of the inner phases, and no lease is kept.</summary>
public sealed class AdmissionMiddlewareTests : IDisposable
{
    private static readonly Lazy<Task<SettingsSnapshot>> Loaded = new(LoadAsync);

    private readonly FakeTimeProvider _time = new();
    private readonly RecordingStores _stores = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly GatewayMetrics _metrics;
    private readonly MeterListener _listener = new();
    private readonly List<string> _seen = [];

    public AdmissionMiddlewareTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _metrics = new GatewayMetrics(meters);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _metrics.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task CatalogueCallWithoutLimits_Passes()
    {
        var (context, request) = await CreateAsync(TeamEndpointKind.Catalogue);
        Assert.NotNull(request.TakeLease());

        Assert.True(await InvokeAsync(context, _ => Task.CompletedTask));

        Assert.Equal(default, request.Admission);
        Assert.Empty(_stores.Steps);
        Assert.Empty(_seen);
    }

    [Fact]
    public async Task CatalogueCall_IsChargedToItsLeaseWithoutARow()
    {
        var (context, request) = await CreateAsync(TeamEndpointKind.Catalogue);

        Assert.True(await InvokeAsync(context, _ =>
        {
            Assert.Equal(["charge 0"], _stores.Steps);
            return Task.CompletedTask;
        }));

        Assert.Same(_stores.Result, request.Admission.Limits);
        Assert.Null(request.Admission.Call);
        Assert.Empty(_seen);

        await request.EndLeaseAsync();
        Assert.Equal(["charge 0", "return lease"], _stores.Steps);
    }

    [Fact]
    public async Task CallThatTheTeamPhaseHasCharged_IsNotChargedAgain()
    {
        var (context, request) = await CreateAsync(TeamEndpointKind.OwnCall);
        request.Admission = new AdmissionRecord(_stores.Result, null) { Lease = request.TakeLease() };

        Assert.True(await InvokeAsync(context, _ => Task.CompletedTask));

        Assert.Empty(_stores.Steps);
        Assert.Same(_stores.Result, request.Admission.Limits);
    }

    [Fact]
    public async Task RefusedCatalogueCall_EndsItsLease()
    {
        _stores.Result = Refused;
        var (context, request) = await CreateAsync(TeamEndpointKind.Catalogue);

        Assert.False(await InvokeAsync(context, _ => Task.CompletedTask));

        Assert.Equal((429, RequestEnd.Refused), (context.Response.StatusCode, request.End));
        Assert.Equal(["charge 0", "return lease"], _stores.Steps);
        Assert.Same(_stores.Result, request.Admission.Limits);
    }

    [Fact]
    public async Task RefusedRequest_GoesNoFurther()
    {
        _stores.Result = Refused;
        var (context, request) = await CreateAsync();

        Assert.False(await InvokeAsync(context, _ => Task.CompletedTask));

        Assert.Equal((429, RequestEnd.Refused), (context.Response.StatusCode, request.End));
        Assert.Same(_stores.Result, request.Admission.Limits);
        Assert.Null(request.Admission.Call);
        Assert.Equal(["charge 12", "cancel lease"], _stores.Steps);
        Assert.Empty(_seen);
    }

    [Fact]
    public async Task CallThatWasNotSent_IsSettledWithoutACharge()
    {
        var (context, request) = await CreateAsync();

        Assert.True(await InvokeAsync(context, _ =>
        {
            Assert.Same(_stores.Result, request.Admission.Limits);
            Assert.Null(request.Admission.Call!.Settlement);
            return Task.CompletedTask;
        }));

        AssertEnded(GenerationState.Settled, "Completed");
    }

    [Fact]
    public async Task ExceptionOfAnInnerPhase_SettlesTheCallAsFailed()
    {
        var (context, request) = await CreateAsync();

        await Assert.ThrowsAsync<InvalidCastException>(() => InvokeAsync(context, _ =>
        {
            request.Admission.Call!.Sent("a", "env:KEY");
            throw new InvalidCastException();
        }));

        AssertEnded(GenerationState.Unresolvable, "Failed");
    }

    [Fact]
    public async Task EndOfAnInnerPhase_IsTheCallsEnd()
    {
        var (context, request) = await CreateAsync();

        await InvokeAsync(context, _ =>
        {
            request.Admission.Call!.Sent("a", "env:KEY");
            request.EndAs(RequestEnd.UpstreamBroke);
            return Task.CompletedTask;
        });

        AssertEnded(GenerationState.Unresolvable, "UpstreamBroke");
    }

    [Theory]
    [InlineData(ForwarderError.NoAvailableDestinations, "UpstreamUnreachable", true)]
    [InlineData(ForwarderError.RequestTimedOut, "UpstreamTimedOut", false)]
    public async Task FailureOfTheForwarder_KeepsTheReservationUnlessNothingWasSent(ForwarderError error, string end, bool isFree)
    {
        var (context, request) = await CreateAsync();

        await InvokeAsync(context, _ =>
        {
            request.Admission.Call!.Sent("a", "env:KEY");
            context.Features.Set<IForwarderErrorFeature>(new Failure(error));
            return Task.CompletedTask;
        });

        AssertEnded(isFree ? GenerationState.Settled : GenerationState.Unresolvable, end);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(null, false)]
    public async Task ClientThatLeaves_EndsAStreamAtOnceAndOtherCallsAtTheirEnd(bool? streams, bool endsAtOnce)
    {
        var (context, request) = await CreateAsync();
        using var lifetime = new Lifetime();
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        if (streams is { } value)
        {
            context.Features.Set<IProviderMappingFeature>(new Mapping(value));
        }

        await InvokeAsync(context, _ =>
        {
            lifetime.Leave();
            Assert.Equal(endsAtOnce, context.RequestAborted.IsCancellationRequested);
            return Task.CompletedTask;
        });

        Assert.Same(lifetime, context.Features.Get<IHttpRequestLifetimeFeature>());
        Assert.Equal(endsAtOnce ? RequestEnd.Completed : RequestEnd.ClientLeft, request.End);
        AssertEnded(GenerationState.Settled, "ClientLeft");
    }

    [Fact]
    public async Task Shutdown_CutsACallThatOutlivesItsClient()
    {
        var (context, request) = await CreateAsync();
        using var lifetime = new Lifetime();
        using var cut = new CancellationTokenSource();
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        context.Features.Set<IProviderMappingFeature>(new Mapping(streams: false));
        request.Cut = cut.Token;

        await InvokeAsync(context, async _ =>
        {
            Assert.False(context.RequestAborted.IsCancellationRequested);
            request.EndAs(RequestEnd.Shutdown);
            await cut.CancelAsync();
            Assert.True(context.RequestAborted.IsCancellationRequested);
        });

        AssertEnded(GenerationState.Settled, "Shutdown");
    }

    [Fact]
    public async Task ClientThatStays_IsNotSaidToHaveLeft()
    {
        var (context, request) = await CreateAsync();
        using var lifetime = new Lifetime();
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        context.Features.Set<IProviderMappingFeature>(new Mapping(streams: false));

        await InvokeAsync(context, _ =>
        {
            request.Admission.Call!.Sent("a", "env:KEY");
            context.Features.Set<IForwarderErrorFeature>(new Failure(ForwarderError.ResponseBodyDestination));
            context.Abort();
            return Task.CompletedTask;
        });

        Assert.Equal(1, lifetime.Aborts);
        Assert.Equal(RequestEnd.Completed, request.End);
        AssertEnded(GenerationState.Unresolvable, "UpstreamBroke");
    }

    [Fact]
    public async Task CallWithoutALifetime_IsAdmitted()
    {
        var (context, _) = await CreateAsync();
        context.Features.Set<IHttpRequestLifetimeFeature>(null);
        context.Features.Set<IProviderMappingFeature>(new Mapping(streams: false));

        Assert.True(await InvokeAsync(context, _ => Task.CompletedTask));
    }

    [Fact]
    public async Task SettledCall_IsCountedWithItsBill()
    {
        var (context, request) = await CreateAsync();

        await InvokeAsync(context, async sent =>
        {
            request.Upstream = new UpstreamRecord(500, 0);
            var call = request.Admission.Call!;
            call.Sent("a", "env:KEY");
            using var content = new ByteArrayContent([]);
            _ = call.Answered(200, isEventStream: false, namesJob: false, content.Headers);
            _time.Advance(TimeSpan.FromSeconds(2));
            await call.CompletedAsync(new ResponseFacts { Id = "g", Usage = new Usage { PromptTokens = 3, Cost = new(7) }, IsComplete = true });
        });

        Assert.Contains("gateway.settlements 1 state=settled", _seen);
        Assert.Contains(_seen, line => line.StartsWith("gen_ai.client.operation.duration 2 ", StringComparison.Ordinal)
            && line.EndsWith("team=t error.type=5xx", StringComparison.Ordinal));
        Assert.Contains(_seen, line => line.StartsWith("gateway.cost ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CallWithoutAnAnswer_IsCountedWithTheGatewaysStatusAndWithoutABill()
    {
        var (context, request) = await CreateAsync();

        await InvokeAsync(context, _ =>
        {
            request.Admission.Call!.Sent("a", "env:KEY");
            context.Response.StatusCode = 504;
            return Task.CompletedTask;
        });

        Assert.Contains("gateway.settlements 1 state=unresolvable", _seen);
        Assert.Contains(_seen, line => line.EndsWith("error.type=5xx", StringComparison.Ordinal));
        Assert.DoesNotContain(_seen, line => line.StartsWith("gateway.cost ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NextAttempt_ReservesAnewUnderTheSameLease(bool isUnsent)
    {
        var (context, request) = await CreateAsync();
        MeteredCall? first = null;

        await InvokeAsync(context, async inner =>
        {
            first = request.Admission.Call!;
            first.Sent("a", "env:KEY");
            if (!isUnsent)
            {
                using var content = new ByteArrayContent([]);
                _ = first.Answered(429, isEventStream: false, namesJob: false, content.Headers);
            }

            Assert.Null(await Controller().ReadmitAsync(request, null, isUnsent));
            Assert.NotSame(first, request.Admission.Call);
            Assert.Equal(
                ["charge 12", "reserve 500 of 1000", "write Began", "settle 500 as 0", "post Ended", "reserve 500 of 1000", "write Began"],
                _stores.Steps);
            request.Admission.Call!.Sent("b", "env:KEY");
        });

        Assert.Same(_stores.Result, request.Admission.Limits);
        Assert.Equal(
            [(first!.Id, GenerationState.Settled), (request.Admission.Call!.Id, GenerationState.Unresolvable)],
            _stores.Entries.OfType<LedgerEntry.Ended>().Select(ended => (ended.Id, ended.State)));
        Assert.Single(_stores.Steps, step => step.Contains("lease", StringComparison.Ordinal));
        Assert.Equal(["return lease", "post Ended"], _stores.Steps[^2..]);
    }

    [Fact]
    public async Task NextAttemptWithoutRoomInTheBudget_EndsTheRequest()
    {
        var (context, request) = await CreateAsync();

        await InvokeAsync(context, async _ =>
        {
            request.Admission.Call!.Sent("a", "env:KEY");
            _stores.IsBudgetSpent = true;
            Assert.Equal("budget_exceeded", (await Controller().ReadmitAsync(request, null, isUnsent: true))?.Code);
        });

        Assert.Null(request.Admission.Call);
        Assert.Single(_stores.Entries.OfType<LedgerEntry.Ended>());
        Assert.Equal("cancel lease", _stores.Steps[^1]);
        Assert.Null(request.TakeLease());
    }

    private static LimitResult Refused =>
        new() { RefusedBy = LimitKind.Requests, Holder = "team:t", RetryAfter = TimeSpan.FromSeconds(7) };

    private static async Task<SettingsSnapshot> LoadAsync()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json());
        return await folder.LoadGoodAsync();
    }

    private async Task<(HttpContext Context, GatewayContext Request)> CreateAsync(TeamEndpointKind kind = TeamEndpointKind.Inference)
    {
        var key = new TeamKey { Label = "k", Hash = default };
        var team = new Team
        {
            Id = "t",
            Keys = [key],
            UpstreamKey = new UpstreamKey("sk"),
            Rights = ModelRights.All,
            Limits = new TeamLimits(10, null, null),
            Budget = new TeamBudget(new PicoDollars(1000), BudgetPeriod.Month),
            Rules = ProviderMappingRules.Empty,
        };
        var route = new RouteConfig { RouteId = "r", Match = new RouteMatch { Path = "/v1/chat/completions" } };
        var request = new GatewayContext
        {
            StartedAt = _time.GetTimestamp(),
            Route = new RouteRecord(await Loaded.Value, RouteFacts.Of(route)),
            Caller = new CallerRecord(
                new CallerIdentity(team, key), new TeamEndpoint(["POST"], "/chat/completions", kind), "/chat/completions"),
            Body = new RequestBodyRecord(new RequestCost(12, new PicoDollars(500)), null),
        };
        request.HoldLease(_stores);
        request.Attempts = new RequestAttempts(max: 1, body: null, _time, CancellationToken.None);
        var context = new DefaultHttpContext();
        context.Features.Set(request);
        return (context, request);
    }

    private AdmissionController Controller() => new(_stores, _stores, new AlertSignals(), _metrics, _time, new ListLogger<AdmissionController>());

    private async Task<bool> InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var wasNext = false;
        var controller = Controller();
        var middleware = new AdmissionMiddleware(
            inner =>
            {
                wasNext = true;
                return next(inner);
            },
            controller,
            new LimitGate(new MemoryLimitStore(_time), new ListLogger<LimitGate>()),
            _metrics,
            _time);
        await middleware.InvokeAsync(context);
        return wasNext;
    }

    private void AssertEnded(object state, string end)
    {
        var ended = Assert.Single(_stores.Entries.OfType<LedgerEntry.Ended>());
        Assert.Equal(((GenerationState)state, end), (ended.State, ended.End));

        // An unresolvable call keeps its reservation until the reconciler expires it.
        Assert.Equal(
            (GenerationState)state == GenerationState.Settled ? ["settle 500 as 0"] : [],
            _stores.Steps.Where(step => step.StartsWith("settle", StringComparison.Ordinal) || step.StartsWith("hold", StringComparison.Ordinal)));
        Assert.Contains("return lease", _stores.Steps);
        Assert.Contains(_seen, line => line.StartsWith("gateway.settlements 1 ", StringComparison.Ordinal));
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

    private sealed class Failure(ForwarderError error) : IForwarderErrorFeature
    {
        public ForwarderError Error => error;

        public Exception? Exception => null;
    }

    private sealed class Mapping(bool streams) : IProviderMappingFeature
    {
        public RequestEndpoint Endpoint => RequestEndpoint.Generation;

        public BodyFacts Facts { get; } = BodyScan.Facts(streams ? """{"stream":true}""" : "{}");

        public ProviderMappingDecision Decision { get; } = new([], null, "m", null);
    }

    /// <summary>A client that can leave. An abort by the gateway is counted.</summary>
    private sealed class Lifetime : IHttpRequestLifetimeFeature, IDisposable
    {
        private readonly CancellationTokenSource _left = new();

        public Lifetime() => RequestAborted = _left.Token;

        public CancellationToken RequestAborted { get; set; }

        public int Aborts { get; private set; }

        public void Leave() => _left.Cancel();

        /// <summary>As in Kestrel, the request then looks like one whose client has left.</summary>
        public void Abort()
        {
            Aborts++;
            _left.Cancel();
        }

        public void Dispose() => _left.Dispose();
    }
}
