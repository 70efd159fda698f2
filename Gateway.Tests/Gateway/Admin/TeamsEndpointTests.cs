using System.Text;
using Gateway.Admin;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Admin;

/// <summary>Promise: a store that fails costs the levels, not the answer; the ledger is read for the keys' uses once a minute.</summary>
public sealed class TeamsEndpointTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private SettingsStore? _settings;

    public void Dispose()
    {
        _settings?.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("it is down")]
    [InlineData(null)]
    public async Task StoresThatFail_LeaveOutTheLevels(string? ledgerFault) => Assert.Equal(
        """{"teams":[{"id":"search","budgets":[{"period":"total","limit_usd":5,"when_exceeded":"refuse"}],"limits":{"requests_per_minute":{"limit":60}},"keys":[{"label":"key-1"}]}]}""",
        await AnswerAsync(await CreateAsync(new FakeLedgerLookup { Fault = ledgerFault }, TimeProvider.System)));

    [Fact]
    public async Task LedgerIsReadForTheKeysOnceAMinute()
    {
        var (ledger, time) = (new FakeLedgerLookup(), new FakeTimeProvider());
        ledger.Uses.Add(new("search", "key-1", new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero)));
        var endpoint = await CreateAsync(ledger, time);

        Assert.Contains("\"last_used\":\"2026-11-01T00:00:00Z\"", await AnswerAsync(endpoint), StringComparison.Ordinal);
        await AnswerAsync(endpoint);
        Assert.Equal(1, ledger.Reads);

        time.Advance(TimeSpan.FromMinutes(1));
        await AnswerAsync(endpoint);
        Assert.Equal(2, ledger.Reads);
    }

    private async Task<TeamsEndpoint> CreateAsync(FakeLedgerLookup ledger, TimeProvider time)
    {
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("appsettings.json", TeamSetup.Settings(TeamSetup.Team(
            """ "Limits": { "RequestsPerMinute": 60 }, "Budget": { "Usd": 5, "Period": "Total" } """)));
        _settings = new SettingsStore(await _folder.LoadGoodAsync(), time, NullLogger<SettingsStore>.Instance);
        var failing = new FailingStore();
        return new TeamsEndpoint(
            _settings,
            () => failing,
            () => failing,
            new KeyUses(),
            () => new(ledger),
            time,
            NullLogger<TeamsEndpoint>.Instance);
    }

    private static async Task<string> AnswerAsync(TeamsEndpoint endpoint)
    {
        var context = new DefaultHttpContext();
        using var body = new MemoryStream();
        context.Response.Body = body;
        context.Features.Set(new GatewayContext { StartedAt = 0 });
        await endpoint.AnswerAsync(context);
        return Encoding.UTF8.GetString(body.ToArray());
    }

    private sealed class FailingStore : IBudgetPreview, ILimitPreview
    {
        public ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount) =>
            throw new LimitStoreException("down");

        public ValueTask<LimitResult?> PreviewEntryAsync(IReadOnlyList<LimitScope> scopes) => throw new LimitStoreException("down");

        public ValueTask<LimitResult> PreviewChargeAsync(IReadOnlyList<LimitScope> scopes, long estimatedTokens) => throw new LimitStoreException("down");

        public ValueTask<long> CountInFlightAsync(LimitScope scope) => throw new LimitStoreException("down");
    }
}
