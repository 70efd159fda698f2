using Gateway.Admission;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: lease, reservation and row are acquired in this order, and a refusal releases all that was acquired.</summary>
public sealed class AdmissionControllerTests
{
    private static readonly Lazy<Task<SettingsSnapshot>> Loaded = new(LoadAsync);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 8, 15, 12, 0, 0, TimeSpan.Zero));
    private readonly RecordingStores _stores = new();

    [Fact]
    public async Task Request_AcquiresLeaseReservationAndRowInOrder()
    {
        var decision = await AdmitAsync();

        Assert.NotNull(decision.Call);
        Assert.Null(decision.Error);
        Assert.Same(_stores.Result, decision.Limits);
        Assert.Equal(["take 12", "reserve 500 of 1000", "write Began"], _stores.Steps);
        Assert.Equal(new BudgetKey("t", BudgetPeriod.Month, new DateTimeOffset(2026, 8, 1, 0, 0, 0, TimeSpan.Zero)), _stores.Budget);
        Assert.Equal(["team:t", "key:t/k"], _stores.Scopes);
    }

    [Fact]
    public async Task Row_SaysWhoAskedForWhat()
    {
        var decision = await AdmitAsync(mapping: new Mapping("""{"model":"asked","stream":true}"""));

        var row = Assert.IsType<LedgerEntry.Began>(Assert.Single(_stores.Entries));
        Assert.Equal(
            new LedgerEntry.Began(decision.Call!.Id)
            {
                StartedAt = _time.GetUtcNow(),
                Team = "t",
                KeyLabel = "k",
                Rule = "rule",
                SettingsVersion = (await Loaded.Value).Version,
                Endpoint = "/chat/completions",
                AskedModel = "asked",
                SentModel = "sent",
                Streams = true,
                Reserved = new PicoDollars(500),
                IsCounted = true,
            },
            row);
        Assert.Equal(_time.GetUtcNow().ToUnixTimeMilliseconds(), Convert.ToInt64(row.Id.ToString("N")[..12], 16));
    }

    [Fact]
    public async Task RowOfABodyThatWasNotRead_HasNoModel()
    {
        await AdmitAsync();

        var row = Assert.IsType<LedgerEntry.Began>(Assert.Single(_stores.Entries));
        Assert.Equal((null, null, null, false), (row.Rule, row.AskedModel, row.SentModel, row.Streams));
    }

    [Fact]
    public async Task TeamWithoutLimitsAndBudget_HasARowOnly()
    {
        var decision = await AdmitAsync(hasLimits: false, hasBudget: false, cost: null);

        Assert.NotNull(decision.Call);
        Assert.Null(decision.Limits);
        Assert.Equal(["write Began"], _stores.Steps);
        Assert.Equal(PicoDollars.Zero, Assert.IsType<LedgerEntry.Began>(_stores.Entries[0]).Reserved);
    }

    [Fact]
    public async Task LimitReached_RefusesBeforeTheBudgetIsAsked()
    {
        _stores.Result = new LimitResult { RetryAfter = TimeSpan.FromSeconds(7) };

        var decision = await AdmitAsync();

        AssertRefused(decision, 429, "rate_limit_exceeded");
        Assert.Same(_stores.Result, decision.Limits);
        Assert.Contains(decision.Error!.Headers, header => header.Key == "Retry-After" && header.Value == "7");
        Assert.Equal(["take 12"], _stores.Steps);
    }

    [Fact]
    public async Task BudgetSpent_ReturnsTheLease()
    {
        _stores.IsBudgetSpent = true;

        var decision = await AdmitAsync();

        AssertRefused(decision, 402, "budget_exceeded");
        Assert.Same(_stores.Result, decision.Limits);
        Assert.Equal(["take 12", "reserve 500 of 1000", "cancel lease"], _stores.Steps);
    }

    [Fact]
    public async Task UnknownPrice_RefusesBeforeAReservation()
    {
        var decision = await AdmitAsync(cost: null);

        AssertRefused(decision, 402, "price_unknown");
        Assert.Equal(["take 12", "cancel lease"], _stores.Steps);
    }

    [Fact]
    public async Task UnknownPriceThatIsAllowed_ReservesNothingOfTheBudget()
    {
        var decision = await AdmitAsync(cost: null, limits: new LimitsSettings { AllowUnknownPrices = true });

        Assert.NotNull(decision.Call);
        Assert.Equal(["take 12", "reserve 0 of 1000", "write Began"], _stores.Steps);
    }

    [Theory]
    [InlineData("limits", 503, "limits_unavailable", "")]
    [InlineData("budget", 503, "budget_unavailable", "take 12, cancel lease")]
    [InlineData("ledger", 503, "usage_unavailable", "take 12, reserve 500 of 1000, cancel lease, settle 500 as 0, post Ended")]
    public async Task StoreThatFails_RefusesAndReleasesWhatWasAcquired(string failing, int status, string code, string steps)
    {
        _stores.Failing = failing;

        AssertRefused(await AdmitAsync(policy: FailurePolicy.Refuse), status, code);

        Assert.Equal(steps, string.Join(", ", _stores.Steps));
    }

    [Theory]
    [InlineData("limits", true, "reserve 500 of 1000, write Began")]
    [InlineData("budget", false, "take 12, write Began")]
    [InlineData("ledger", true, "take 12, reserve 500 of 1000, post Began")]
    public async Task StoreThatFails_IsPassedOverWhereThePolicyAllowsIt(string failing, bool isCounted, string steps)
    {
        _stores.Failing = failing;

        var decision = await AdmitAsync(policy: FailurePolicy.Allow);

        Assert.NotNull(decision.Call);
        Assert.Equal(steps, string.Join(", ", _stores.Steps));
        Assert.Equal(isCounted, Assert.IsType<LedgerEntry.Began>(Assert.Single(_stores.Entries)).IsCounted);
    }

    [Theory]
    [InlineData("limits")]
    [InlineData("budget")]
    [InlineData("ledger")]
    public async Task DefectOfAStore_ReleasesWhatWasAcquired(string failing)
    {
        _stores.Failing = failing;
        _stores.Fault = new InvalidCastException();

        await Assert.ThrowsAsync<InvalidCastException>(() => AdmitAsync().AsTask());

        Assert.Equal(failing == "limits" ? 0 : 1, _stores.Steps.Count(step => step == "cancel lease"));
        Assert.Equal(failing == "ledger" ? 1 : 0, _stores.Steps.Count(step => step == "settle 500 as 0"));
    }

    private static void AssertRefused(AdmissionDecision decision, int status, string code)
    {
        Assert.Null(decision.Call);
        Assert.Equal((status, code), (decision.Error!.Status, decision.Error.Code));
    }

    private static async Task<SettingsSnapshot> LoadAsync()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json());
        return await folder.LoadGoodAsync();
    }

    private async ValueTask<AdmissionDecision> AdmitAsync(
        bool hasLimits = true,
        bool hasBudget = true,
        int? cost = 500,
        LimitsSettings? limits = null,
        FailurePolicy policy = FailurePolicy.Refuse,
        IProviderMappingFeature? mapping = null)
    {
        var teamLimits = hasLimits ? new TeamLimits(10, null, null) : TeamLimits.None;
        var key = new TeamKey { Label = "k", Hash = default, Limits = teamLimits };
        var team = new Team
        {
            Id = "t",
            Keys = [key],
            UpstreamKey = new UpstreamKey("sk"),
            Rights = ModelRights.All,
            Limits = teamLimits,
            Budget = hasBudget ? new TeamBudget(new PicoDollars(1000), BudgetPeriod.Month) : null,
            Rules = ProviderMappingRules.Empty,
        };
        var snapshot = await Loaded.Value;
        snapshot = snapshot with
        {
            Settings = snapshot.Settings with
            {
                Limits = (limits ?? new LimitsSettings()) with { WhenStoreFails = new() { Limits = policy, Budgets = policy } },
                Usage = new UsageSettings { WhenStoreFails = policy },
            },
        };
        var controller = new AdmissionController(_stores, _stores, _stores, _time, new ListLogger<AdmissionController>());
        return await controller.AdmitAsync(new AdmissionRequest(
            "request",
            _time.GetTimestamp(),
            snapshot,
            new CallerIdentity(team, key),
            new TeamEndpoint(["POST"], "/chat/completions", TeamEndpointKind.Inference),
            new RequestCost(12, cost is null ? null : new PicoDollars(cost.Value)),
            mapping));
    }

    private sealed class Mapping(string body) : IProviderMappingFeature
    {
        public RequestEndpoint Endpoint => RequestEndpoint.Generation;

        public BodyFacts Facts { get; } = BodyScan.Facts(body);

        public ProviderMappingDecision Decision { get; } = new([], "rule", "sent", null);
    }
}
