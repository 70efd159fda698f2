using System.Diagnostics.Metrics;
using Gateway.Admission;
using Gateway.Alerts;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Observability;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>
/// Promise: the lease is charged, then the reservation and the row are acquired in this order; a refusal releases all that was acquired.
/// </summary>
public sealed class AdmissionControllerTests : IDisposable
{
    private static readonly Lazy<Task<SettingsSnapshot>> Loaded = new(LoadAsync);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 8, 15, 12, 0, 0, TimeSpan.Zero));
    private readonly RecordingStores _stores = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly GatewayMetrics _metrics;

    public AdmissionControllerTests() => _metrics = new GatewayMetrics(_services.GetRequiredService<IMeterFactory>());

    public void Dispose()
    {
        _metrics.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task Request_ChargesItsLeaseAndAcquiresReservationAndRowInOrder()
    {
        var decision = await AdmitAsync();

        Assert.NotNull(decision.Call);
        Assert.Null(decision.Error);
        Assert.Same(_stores.Result, decision.Limits);
        Assert.Equal(["charge 12", "reserve 500 of 1000", "write Began"], _stores.Steps);
        Assert.Equal(new BudgetKey("t", BudgetPeriod.Month, new DateTimeOffset(2026, 8, 1, 0, 0, 0, TimeSpan.Zero)), _stores.Budget);
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
                RequestId = "request",
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
        _stores.Result = new LimitResult { RefusedBy = LimitKind.Requests, Holder = "team:t", RetryAfter = TimeSpan.FromSeconds(7) };

        var decision = await AdmitAsync();

        AssertRefused(decision, 429, "rate_limit_exceeded");
        Assert.Same(_stores.Result, decision.Limits);
        Assert.Contains(decision.Error!.Headers, header => header.Key == "Retry-After" && header.Value == "7");
        Assert.Equal(["charge 12", "cancel lease"], _stores.Steps);
    }

    [Fact]
    public async Task BudgetSpent_CancelsTheLease()
    {
        _stores.IsBudgetSpent = true;

        var decision = await AdmitAsync();

        AssertRefused(decision, 402, "budget_exceeded");
        Assert.Same(_stores.Result, decision.Limits);
        Assert.Equal(["charge 12", "reserve 500 of 1000", "cancel lease"], _stores.Steps);
    }

    // The budget has 1000, the request needs 500.
    [Theory]
    [InlineData(499, 402, "budget_exceeded")]
    [InlineData(500, 429, "budget_reserved")]
    public async Task OpenReservationsInTheWay_AskForARetry(int reserved, int status, string code)
    {
        _stores.IsBudgetSpent = true;
        _stores.OpenReservations = new PicoDollars(reserved);

        AssertRefused(await AdmitAsync(), status, code);
    }

    [Fact]
    public async Task BudgetThatOnlyReports_ReservesRegardlessOfTheLimitAndCountsAsARefusal()
    {
        _stores.IsBudgetSpent = true;
        var refusals = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Name == "gateway.refusals" && ReferenceEquals(instrument.Meter.Scope, _services.GetRequiredService<IMeterFactory>()))
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) => refusals.Add($"{count} {string.Join(", ", tags.ToArray())}"));
        listener.Start();

        var decision = await AdmitAsync(whenExceeded: ExceededPolicy.Report);

        Assert.NotNull(decision.Call);
        Assert.True(decision.Call.IsCounted);
        Assert.Equal(
            ["charge 12", "reserve 500 of 1000", $"reserve 500 of {PicoDollars.MaxStored.Value}", "write Began"], _stores.Steps);
        Assert.Equal(["1 [code, budget_exceeded], [team, t]"], refusals);
    }

    [Fact]
    public async Task UnknownPrice_RefusesBeforeAReservation()
    {
        var decision = await AdmitAsync(cost: null);

        AssertRefused(decision, 402, "price_unknown");
        Assert.Equal(["charge 12", "cancel lease"], _stores.Steps);
    }

    [Fact]
    public async Task UnknownPriceThatIsAllowed_ReservesNothingOfTheBudget()
    {
        var decision = await AdmitAsync(cost: null, limits: new LimitsSettings { AllowUnknownPrices = true });

        Assert.NotNull(decision.Call);
        Assert.Equal(["charge 12", "reserve 0 of 1000", "write Began"], _stores.Steps);
    }

    [Theory]
    [InlineData("limits", 503, "limits_unavailable", "cancel lease")]
    [InlineData("budget", 503, "budget_unavailable", "charge 12, cancel lease")]
    [InlineData("budget's reply", 503, "budget_unavailable", "charge 12, cancel lease, release")]
    [InlineData("ledger", 503, "usage_unavailable", "charge 12, reserve 500 of 1000, cancel lease, settle 500 as 0, post Ended")]
    public async Task StoreThatFails_RefusesAndReleasesWhatWasAcquired(string failing, int status, string code, string steps)
    {
        _stores.Failing = failing;

        AssertRefused(await AdmitAsync(policy: FailurePolicy.Refuse), status, code);

        Assert.Equal(steps, string.Join(", ", _stores.Steps));
    }

    [Theory]
    [InlineData("limits", true, "reserve 500 of 1000, write Began")]
    [InlineData("budget", false, "charge 12, write Began")]
    [InlineData("ledger", true, "charge 12, reserve 500 of 1000, post Began")]
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

        Assert.Equal(1, _stores.Steps.Count(step => step == "cancel lease"));
        Assert.Equal(failing == "ledger" ? 1 : 0, _stores.Steps.Count(step => step == "settle 500 as 0"));
    }

    [Theory]
    [InlineData(null, 70)]
    [InlineData(500, 500)]
    public async Task UnknownPriceThatIsAllowed_ReservesTheCostOfServerTools(int? cost, int reserved)
    {
        var decision = await AdmitAsync(cost: cost, toolCost: 70, limits: new LimitsSettings { AllowUnknownPrices = true });

        Assert.Equal(new PicoDollars(reserved), decision.Call!.Reserved);
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

    private AdmissionController Controller() => new(_stores, _stores, new AlertSignals(), _metrics, _time, new ListLogger<AdmissionController>());

    private async ValueTask<AdmissionDecision> AdmitAsync(
        bool hasLimits = true,
        bool hasBudget = true,
        int? cost = 500,
        int toolCost = 0,
        LimitsSettings? limits = null,
        FailurePolicy policy = FailurePolicy.Refuse,
        ExceededPolicy whenExceeded = ExceededPolicy.Refuse,
        IProviderMappingFeature? mapping = null)
    {
        var key = new TeamKey { Label = "k", Hash = default };
        var team = new Team
        {
            Id = "t",
            Keys = [key],
            UpstreamKey = new UpstreamKey("sk"),
            Rights = ModelRights.All,
            Limits = TeamLimits.None,
            Budget = hasBudget ? new TeamBudget(new PicoDollars(1000), BudgetPeriod.Month) { WhenExceeded = whenExceeded } : null,
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
        return await Controller().AdmitAsync(new AdmissionRequest(
            "request",
            _time.GetTimestamp(),
            snapshot,
            new CallerIdentity(team, key),
            new TeamEndpoint(["POST"], "/chat/completions", TeamEndpointKind.Inference),
            hasLimits ? _stores : null,
            IsLeaseCharged: false,
            new RequestCost(12, cost is null ? null : new PicoDollars(cost.Value)) { ToolCost = new PicoDollars(toolCost) },
            mapping));
    }

    private sealed class Mapping(string body) : IProviderMappingFeature
    {
        public RequestEndpoint Endpoint => RequestEndpoint.Generation;

        public BodyFacts Facts { get; } = BodyScan.Facts(body);

        public ProviderMappingDecision Decision { get; } = new([], "rule", "sent", null);
    }
}
