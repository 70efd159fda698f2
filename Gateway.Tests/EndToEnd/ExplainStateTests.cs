using System.Text;
using System.Text.Json;
using Gateway.Requests;
using Gateway.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>explain</c> at the admin address foresees the refusals that depend on the state of the running gateway, to the byte, and changes
/// nothing of that state.
/// </summary>
public sealed class ExplainStateTests
{
    private const string Chat = "/v1/chat/completions";

    private static readonly (string, string) Admin = ("Admin", """{ "Url": "http://127.0.0.1:0" }""");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Chat)]
    [InlineData("/v1/messages")]
    public async Task GatewayWithAsManyRequestsAsItServes_IsBusy(string path)
    {
        FakeTime.SkipWithPublishedProgram();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Sections = [Admin] });
        var inFlight = team.Gateway.Services.GetRequiredService<RequestsInFlight>();
        inFlight.Limit = 1;
        var body = TeamGateway.Body();
        await AssertAgreementAsync(team, path, body, code: null);
        await Eventually.TrueAsync(() => inFlight.Count == 0, "the end of the first call");
        await using (await team.OpenStreamAsync("", "x-fake-stall-after: 1"))
        {
            await AssertAgreementAsync(team, path, body, "server_busy");
            Assert.Equal(1, inFlight.Count);

            // A path without a route is judged before.
            await AssertAgreementAsync(team, "/nowhere", body, "not_found");
        }

        await Eventually.TrueAsync(() => inFlight.Count == 0, "the end of the stream");
        await AssertAgreementAsync(team, path, body, code: null);
    }

    [Fact]
    public async Task GatewayWithoutMemoryForABody_IsBusy()
    {
        FakeTime.SkipWithPublishedProgram();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Sections =
            [
                Admin,
                ("Server", """
                    { "MaxRequestBodySize": 900000, "RequestBodyMemory": 1048576, "MaxWaitingBodies": 0,
                      "Limits": { "MinRequestBodyDataRate": { "BytesPerSecond": 0 } } }
                    """),
            ],
        });
        var memory = team.Gateway.Services.GetRequiredService<RequestBodyMemory>();
        var large = TeamGateway.Body($"\"user\":\"{new string('x', 800_000)}\"");
        await AssertAgreementAsync(team, Chat, large, code: null);
        await Eventually.TrueAsync(() => memory.HeldBytes == 0, "the end of the first call");
        await using (var holder = await team.Gateway.ConnectAsync())
        {
            await holder.SendAsync(
                $"POST {Chat} HTTP/1.1\r\nHost: {holder.Authority}\r\n{TeamSetup.Bearer}\r\nContent-Length: 800000\r\nExpect: 100-continue\r\n\r\n");
            Assert.Equal(100, (await holder.ReadHeadAsync()).Status);
            var held = memory.HeldBytes;

            await AssertAgreementAsync(team, Chat, large, "server_busy");
            await AssertAgreementAsync(team, Chat, large[..^1] + ",}", "server_busy", isJson: false);
            await AssertAgreementAsync(team, Chat, TeamGateway.Body(), code: null);

            // The size is judged before.
            var tooLarge = await ExplainAsync(team, Chat, TeamGateway.Body($"\"user\":\"{new string('x', 900_000)}\""));
            Assert.Equal(413, tooLarge.GetProperty("status").GetInt32());

            // No body is read of a route that is not rewritten.
            await AssertAgreementAsync(team, "/v1/audio/speech", large, code: null);
            Assert.Equal((held, 0), (memory.HeldBytes, memory.WaitingBodies));
        }

        await Eventually.TrueAsync(() => memory.HeldBytes == 0, "the end of the upload");
        await AssertAgreementAsync(team, Chat, large, code: null);
    }

    [Theory]
    [InlineData("Refuse", "usage_unavailable")]
    [InlineData("Allow", null)]
    public async Task LedgerThatCannotBeOpened_MakesACallGoByThePolicy(string policy, string? code)
    {
        using var folder = new TempFolder();
        folder.Write("file", "");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Usage = $$"""{ "Sqlite": { "Path": "{{folder.File("file/usage.db")}}" }, "WhenStoreFails": "{{policy}}" }""",
            Sections = [Admin],
        });

        // Before the first call and after it.
        await AssertAgreementAsync(team, Chat, TeamGateway.Body(), code);
        await AssertAgreementAsync(team, Chat, TeamGateway.Body(), code);

        // A catalogue call has no row.
        await AssertAgreementAsync(team, "/v1/messages/count_tokens", TeamGateway.Body(), code: null);
    }

    /// <summary>Explains a request twice and sends it: all three have the same verdict.</summary>
    private static async Task AssertAgreementAsync(TeamGateway team, string path, string body, string? code, bool isJson = true)
    {
        if (isJson)
        {
            var first = await ExplainAsync(team, path, body);
            var second = await ExplainAsync(team, path, body);
            Assert.Equal(first.GetRawText(), second.GetRawText());
            var answer = await team.PostAsync(path, body);
            if (code is null)
            {
                Assert.False(first.TryGetProperty("error", out var unexpected), unexpected.ToString());
                Assert.Equal((path, 200), (path, answer.Status));
                return;
            }

            Assert.Equal(
                (answer.Status, answer.Body.Text), (first.GetProperty("status").GetInt32(), first.GetProperty("error").GetRawText()));
        }

        var refused = await team.PostAsync(path, body);
        Assert.Null(refused.Upstream);
        if (!path.EndsWith("/messages", StringComparison.Ordinal))
        {
            Assert.Equal(code, refused.Json.GetProperty("error").GetProperty("code").GetString());
        }
    }

    private static async Task<JsonElement> ExplainAsync(TeamGateway team, string path, string body)
    {
        using var admin = await team.Gateway.AdminClientAsync();
        using var content = new StringContent($$"""{"team":"search","path":"{{path}}","body":{{body}}}""", Encoding.UTF8, "application/json");
        using var answer = await admin.PostAsync("/admin/explain", content, Stop);
        Assert.Equal(200, (int)answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        return json.RootElement.Clone();
    }
}
