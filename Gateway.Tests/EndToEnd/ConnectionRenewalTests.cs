using System.Globalization;
using System.Net;
using System.Text;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an upstream that renews its HTTP/2 connections under load fails no call, processes each once and bills each once.
/// </summary>
public sealed class ConnectionRenewalTests
{
    /// <summary>The number of calls, 12,000 for the whole proof; by default some more than renew a connection.</summary>
    private const string CallsVariable = "GATEWAY_TESTS_RENEWAL_CALLS";

    private const int Workers = 48;

    [Theory]
    [InlineData(100)]
    [InlineData(1000)]
    public async Task GoAwayUnderLoad_FailsNoCall(int requestsPerConnection)
    {
        var calls = Environment.GetEnvironmentVariable(CallsVariable) is { Length: > 0 } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : requestsPerConnection + 250;
        await using var upstream = new RenewingUpstream(requestsPerConnection);
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1000000 } """,
            Limits = """{ "Prices": [ { "Model": "test/dollar", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections =
            [
                ("ReverseProxy", Destinations.Section(
                    """, "HttpClient": { "DangerousAcceptAnyServerCertificate": true } """,
                    ("a", $$"""{ "Address": "{{upstream.BaseUrl}}" }"""))),
            ],
        });
        using var client = new HttpClient { BaseAddress = team.Gateway.Address, Timeout = HangGuard.Limit };
        client.DefaultRequestHeaders.Add("x-api-key", TeamSetup.Key);

        var failures = 0;
        await Parallel.ForAsync(0, calls, new ParallelOptions { MaxDegreeOfParallelism = Workers }, async (number, cancellation) =>
        {
            using var content = new StringContent(
                $$"""{"model":"test/dollar","messages":[],"user":"call-{{number}}"}""", Encoding.UTF8, "application/json");
            using var response = await client.PostAsync("/v1/chat/completions", content, cancellation);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                Interlocked.Increment(ref failures);
            }
        });

        Assert.Equal(0, failures);
        Assert.Equal(calls, upstream.Book.Count);
        Assert.All(upstream.Book, call => Assert.Equal(1, call.Value));
        Assert.True(upstream.Renewals > 0);
        Assert.True(upstream.Excluded >= upstream.Renewals);

        IReadOnlyList<LedgerRow> rows = [];
        await Eventually.TrueAsync(
            async () => (rows = await team.RowsAsync()).Count(row => row is { GenerationId: not null, IsClosed: true }) == calls, "every row");
        Assert.Equal(calls, rows.Where(row => row.GenerationId is not null).Select(row => row.GenerationId).Distinct().Count());
        Assert.All(
            rows,
            row => Assert.Equal((GenerationState.Settled, row.GenerationId is null ? 0 : 1_000_000), (row.State, row.CostPico)));
    }
}
