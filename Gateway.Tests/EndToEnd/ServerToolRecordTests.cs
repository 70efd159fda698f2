using System.Net.Http.Headers;
using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the operator sees which server tools were removed or reported, by the names that docs/server-tools.md and docs/operations.md
/// list. The gateway runs as a process, so that its log is complete once it has ended.
/// </summary>
public sealed class ServerToolRecordTests
{
    private const string Token = "adm-51b7e0c2";
    private const string Files = """{"type":"openrouter:files"}""";

    [Fact]
    public async Task RemovedAndReportedTools_AreInLogAndMetrics()
    {
        (string Id, string More)[] teams =
        [
            ("removing", "\"ServerTools\": { \"WhenClosed\": \"Remove\" }"),
            ("reporting", "\"ServerTools\": { \"WhenClosed\": \"Report\" }"),
            ("refusing", ""),
        ];
        await using var gateway = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            OutOfProcess = true,
            MoreTeams = reference => teams.Select(team => TeamSetup.Team(team.More, team.Id, "ogw-" + team.Id, reference: reference)),
            Sections = [("Admin", $$"""{ "Url": "http://127.0.0.1:0", "Token": "env:ADMIN_TOKEN" }""")],
            Environment = { ["ADMIN_TOKEN"] = Token },
        });
        string[] bodies =
        [
            TeamGateway.Body($"\"tools\":[{Files},{{\"type\":\"mcp\"}},{{\"type\":\"function\"}}]"), TeamGateway.Body("\"tools\":[{\"type\":\"openrouter:datetime\"}]"),
        ];

        var ids = new Dictionary<(string Team, int Body), string>();
        foreach (var (team, status, removed) in new[] { ("removing", 200, "openrouter:files, mcp"), ("reporting", 200, null), ("refusing", 403, null) })
        {
            for (var i = 0; i < bodies.Length; i++)
            {
                var call = await gateway.PostAsync("/v1/chat/completions", bodies[i], "x-api-key: ogw-" + team);
                Assert.Equal(i == 0 ? status : 200, call.Status);
                Assert.Equal(i == 0 ? removed : null, call.Head.Header("x-gateway-removed-tools"));
                ids[(team, i)] = call.Head.Header("x-request-id")!;
            }
        }

        var metrics = await MetricsAsync(gateway);
        await gateway.Gateway.Process.TerminateAsync();
        var output = await gateway.Gateway.Process.WaitForExitAsync();

        Assert.Contains(Refusals("reporting") + " 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains(Refusals("refusing") + " 1\n", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain(Refusals("removing"), metrics, StringComparison.Ordinal);
        foreach (var ((team, body), id) in ids)
        {
            using var line = JsonDocument.Parse(Assert.Single(output.All.Split('\n'), line => line.Contains(id, StringComparison.Ordinal)));
            Assert.Equal(team == "removing" && body == 0 ? "openrouter:files, mcp" : null, line.RootElement.GetProperty("RemovedTools").GetString());
            Assert.Equal(team == "reporting" && body == 0 ? "openrouter:files, mcp" : null, line.RootElement.GetProperty("ReportedTools").GetString());
        }
    }

    private static string Refusals(string team) => $"gateway_refusals_total{{code=\"server_tool_not_allowed\",team=\"{team}\"}}";

    private static async Task<string> MetricsAsync(TeamGateway gateway)
    {
        using var client = await gateway.Gateway.AdminClientAsync();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);

        // A request is counted when it has ended, which may be after its client has read the response.
        return await Eventually.GetAsync(
            async () => await client.GetStringAsync("/metrics", TestContext.Current.CancellationToken) is var text
                && text.Contains(Refusals("reporting"), StringComparison.Ordinal)
                && text.Contains(Refusals("refusing"), StringComparison.Ordinal) ? text : null,
            "the refusals in the metrics");
    }
}
