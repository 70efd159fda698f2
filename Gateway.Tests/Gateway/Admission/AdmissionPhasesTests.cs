using Gateway.Admission;
using Gateway.Configuration;
using Gateway.Prices;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Routing;
using Gateway.Secrets;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>The phases before admission: the wait for the first price list, and the review of a body.</summary>
public sealed class AdmissionPhasesTests
{
    private static readonly Lazy<Task<SettingsSnapshot>> Loaded = new(LoadAsync);

    private readonly FakeTimeProvider _time = new();
    private readonly PriceListStore _prices;
    private int _wanted;

    public AdmissionPhasesTests()
    {
        _prices = new PriceListStore(_time);
        _prices.Wanted += () => _wanted++;
    }

    [Theory]
    [InlineData(true, TeamEndpointKind.Inference, false, true)]
    [InlineData(true, TeamEndpointKind.Inference, true, false)]
    [InlineData(false, TeamEndpointKind.Inference, false, false)]
    [InlineData(true, TeamEndpointKind.Catalogue, false, false)]
    public async Task CallUnderABudget_WaitsForTheFirstPriceList(bool hasBudget, object kind, bool hasList, bool waits)
    {
        if (hasList)
        {
            _prices.Put(PriceList.Empty, hasModels: true);
        }

        var (context, _) = await CreateAsync(CreateTeam(hasBudget), (TeamEndpointKind)kind);
        var calls = 0;
        var middleware = new PriceListMiddleware(
            _ =>
            {
                calls++;
                return Task.CompletedTask;
            },
            _prices);

        var call = middleware.InvokeAsync(context);
        Assert.Equal((waits ? 0 : 1, waits ? 1 : 0), (calls, _wanted));

        _prices.Put(PriceList.Empty, hasModels: true);
        await call;
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task CallerWithoutATeam_DoesNotWait()
    {
        var (context, request) = await CreateAsync();
        request.Caller = default;
        var calls = 0;

        await new PriceListMiddleware(
            _ =>
            {
                calls++;
                return Task.CompletedTask;
            },
            _prices).InvokeAsync(context);

        Assert.Equal((1, 0), (calls, _wanted));
    }

    [Fact]
    public async Task RequestWithoutATeam_PassesTheReview()
    {
        var (context, request) = await CreateAsync();
        request.Caller = default;

        Assert.Equal(default, new RequestReviewer(_prices).Review(context, ReviewedBody.Create("""{"model":"m"}""")));
        Assert.Equal(default, request.Body);
    }

    [Fact]
    public async Task Review_RecordsTheCostAndTheSession()
    {
        _prices.Put(PriceList.Empty.With(new Dictionary<string, ListedPrice> { ["m"] = new(new ModelPrice(new(1), default, new(100))) }), hasModels: true);
        var (context, request) = await CreateAsync(CreateTeam(hasBudget: true, scopes: true));
        context.Request.Headers[SessionScope.Header] = "mine";

        var review = new RequestReviewer(_prices).Review(context, ReviewedBody.Create("""{"model":"m"}"""));

        // The 13 bytes of the body are 7 tokens.
        Assert.Equal(default, review);
        Assert.Equal(new PicoDollars(100 + 7), request.Body.Cost.Cost);
        Assert.StartsWith("t-", request.Body.Session, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SessionHeader_IsLeftToATeamThatDoesNotScopeIt()
    {
        var (context, request) = await CreateAsync(CreateTeam(hasBudget: true));
        context.Request.Headers[SessionScope.Header] = "mine";

        _ = new RequestReviewer(_prices).Review(context, ReviewedBody.Create("""{"model":"m"}"""));

        Assert.Null(request.Body.Session);
    }

    [Theory]
    [InlineData(true, "*", "unheard-of", 1)]
    [InlineData(true, "*", "m", 0)]
    [InlineData(true, "m", "unheard-of", 0)]
    [InlineData(false, "*", "unheard-of", 0)]
    public async Task UnlistedModel_AsksForANewListIfABudgetNeedsIt(bool hasBudget, string allowed, string model, int wanted)
    {
        _prices.Put(PriceList.Empty.With(new Dictionary<string, ListedPrice> { ["m"] = new(default(ModelPrice)) }), hasModels: true);
        _prices.NoteAsked();
        _time.Advance(PriceListStore.ShortestInterval);
        var (context, _) = await CreateAsync(CreateTeam(hasBudget, allowed));

        var review = new RequestReviewer(_prices).Review(context, ReviewedBody.Create($$"""{"model":"{{model}}"}"""));

        Assert.Equal(allowed != "*", review.Rejection is not null);
        Assert.Equal(wanted, _wanted);
    }

    private static async Task<SettingsSnapshot> LoadAsync()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json());
        return await folder.LoadGoodAsync();
    }

    private static Team CreateTeam(bool hasBudget, string allowed = "*", bool scopes = false) => new()
    {
        Id = "t",
        Keys = [],
        UpstreamKey = new UpstreamKey("sk"),
        Rights = new ModelRights([ModelPattern.Create(allowed, "", [])!], []),
        Limits = TeamLimits.None,
        Budget = hasBudget ? new TeamBudget(new PicoDollars(1000), BudgetPeriod.Month) : null,
        Rules = ProviderMappingRules.Empty,
        ScopesSessions = scopes,
    };

    private static async Task<(HttpContext Context, GatewayContext Request)> CreateAsync(
        Team? team = null, TeamEndpointKind kind = TeamEndpointKind.Inference)
    {
        var route = new RouteConfig { RouteId = "r", Match = new RouteMatch { Path = "/v1/chat/completions" } };
        var request = new GatewayContext { StartedAt = 0, Route = new RouteRecord(await Loaded.Value, RouteFacts.Of(route)) };
        if (team is not null)
        {
            var identity = new CallerIdentity(team, new TeamKey { Label = "k", Hash = default });
            request.Caller = new CallerRecord(identity, new TeamEndpoint(["POST"], "/chat/completions", kind), "/chat/completions");
        }

        var context = new DefaultHttpContext();
        context.Features.Set(request);
        return (context, request);
    }
}
