using Gateway.Authentication;
using Gateway.Limits;
using Gateway.Requests;
using Gateway.Routing;
using Gateway.Teams;
using Gateway.Tests.Gateway.Admission;
using Gateway.Tests.Gateway.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Tests.Gateway.Authentication;

/// <summary>Promise: a request owns its place among the requests in flight until a later phase takes or charges it, and gives it back once.</summary>
public sealed class LimitGateTests : IDisposable
{
    private static readonly LimitScope[] Scopes = [new("team:a", 10, null, 1)];

    private readonly SettingsFolder _folder = new();
    private readonly MemoryLimitStore _store = new(new FakeTimeProvider());
    private readonly ListLogger<LimitGate> _logs = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Lease_BelongsToTheRequestUntilItIsTaken()
    {
        var gate = new LimitGate(_store, _logs);
        var first = await CreateAsync();
        Assert.Null(await gate.EnterAsync(first, Scopes));

        var second = await CreateAsync();
        Assert.Equal("rate_limit_exceeded", (await gate.EnterAsync(second, Scopes))!.Code);
        Assert.Equal(LimitKind.Concurrency, second.Admission.Limits!.RefusedBy);
        await second.EndLeaseAsync();
        Assert.False((await _store.EnterAsync(Scopes)).IsGranted);

        // Another owner has it now: the end of the request changes nothing.
        var lease = first.TakeLease()!;
        Assert.Null(first.TakeLease());
        await first.EndLeaseAsync();
        Assert.False((await _store.EnterAsync(Scopes)).IsGranted);
        await lease.CancelAsync();

        var third = await CreateAsync();
        Assert.Null(await gate.EnterAsync(third, Scopes));
        await third.EndLeaseAsync();
        await third.EndLeaseAsync();
        Assert.True((await _store.EnterAsync(Scopes)).IsGranted);
        Assert.False((await _store.EnterAsync(Scopes)).IsGranted);
    }

    [Theory]
    [InlineData("Allow", null)]
    [InlineData("Refuse", "limits_unavailable")]
    public async Task StoreThatFails_FollowsThePolicy(string policy, string? code)
    {
        var request = await CreateAsync($$""" "Limits": { "WhenStoreFails": { "Limits": "{{policy}}" } } """);

        var refusal = await new LimitGate(new FailingStore(), _logs).EnterAsync(request, Scopes);

        Assert.Equal(code, refusal?.Code);
        Assert.Null(request.TakeLease());

        // The store logs its outage.
        Assert.Single(_logs.At(LogLevel.Debug));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(LimitKind.Requests, "rate_limit_exceeded")]
    public async Task Charge_IsOfARequestWithoutTokens(object? refusedBy, string? code)
    {
        var stores = new RecordingStores { Result = new LimitResult { RefusedBy = (LimitKind?)refusedBy, Holder = "team:a" } };
        var request = await CreateAsync();
        request.HoldLease(stores);

        Assert.Equal(code, (await new LimitGate(_store, _logs).ChargeAsync(request))?.Code);

        Assert.Same(stores.Result, request.Admission.Limits);
        Assert.False(request.HoldsLease);
        await request.EndLeaseAsync();
        Assert.Equal(["charge 0", "return lease"], stores.Steps);
    }

    [Theory]
    [InlineData("Allow", null)]
    [InlineData("Refuse", "limits_unavailable")]
    public async Task ChargeThatFails_FollowsThePolicyAndKeepsTheLease(string policy, string? code)
    {
        var stores = new RecordingStores { Failing = "limits" };
        var request = await CreateAsync($$""" "Limits": { "WhenStoreFails": { "Limits": "{{policy}}" } } """);
        request.HoldLease(stores);

        Assert.Equal(code, (await new LimitGate(_store, _logs).ChargeAsync(request))?.Code);

        Assert.Null(request.Admission.Limits);
        await request.EndLeaseAsync();
        Assert.Equal(["return lease"], stores.Steps);
    }

    [Fact]
    public async Task RequestWithoutALease_IsNotCharged()
    {
        var request = await CreateAsync();

        Assert.Null(await new LimitGate(_store, _logs).ChargeAsync(request));

        Assert.False(request.HasAdmission);
        await request.EndLeaseAsync();
    }

    private async Task<GatewayContext> CreateAsync(string settings = "")
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(settings));
        var route = RouteFacts.Of(new RouteConfig { RouteId = "r", Match = new RouteMatch() });
        return new GatewayContext { StartedAt = 0, Route = new RouteRecord(await _folder.LoadGoodAsync(), route) };
    }

    private sealed class FailingStore : ILimitStore
    {
        public ValueTask CorrectAsync(IReadOnlyList<LimitScope> scopes, long change) => default;

        public ValueTask<LimitEntry> EnterAsync(IReadOnlyList<LimitScope> scopes) => throw new LimitStoreException("gone");
    }
}
