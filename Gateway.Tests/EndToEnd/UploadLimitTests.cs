using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a request counts as in flight from its headers on, so that uploads count too, and its place is free the moment it is refused or
/// its client leaves. <c>Expect: 100-continue</c> shows when the gateway begins to read a body.
/// </summary>
public sealed class UploadLimitTests(SharedRedis redis)
{
    private const string Chat = "/v1/chat/completions";
    private const string Expect = "Expect: 100-continue\r\n";
    private const string One = """ "Limits": { "ConcurrentRequests": 1 } """;

    [Theory]
    [InlineData("team", "Memory")]
    [InlineData("key", "Memory")]
    [InlineData("team", "Redis")]
    [InlineData("key", "Redis")]
    public async Task Upload_IsARequestInFlight(string scope, string store)
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = scope == "team" ? One : """ "Limits": { "ConcurrentRequests": 5, "RequestsPerMinute": 100 } """,
            KeyMore = scope == "key" ? "," + One : "",
            Limits = await LimitsAsync(store),
        });
        var body = Encoding.UTF8.GetBytes(TeamGateway.Body());
        for (var round = 0; round < 3; round++)
        {
            await using var upload = await SendHeadAsync(team, body.Length, Expect);
            Assert.Equal(100, (await upload.ReadHeadAsync()).Status);

            // Refused before its body: there is no "100 Continue".
            await using var second = await SendHeadAsync(team, body.Length, Expect);
            var refusal = await second.ReadHeadAsync();
            Assert.Equal((429, "1"), (refusal.Status, refusal.Header("Retry-After")));
            Assert.Equal(scope == "key" ? "100" : null, refusal.Header("x-ratelimit-limit-requests"));

            await upload.SendAsync(body);
            Assert.Equal(200, (await upload.ReadAsync()).Head.Status);
            Assert.Equal(200, (await team.ChatAsync()).Status);
        }
    }

    [Theory]
    [InlineData("Memory")]
    [InlineData("Redis")]
    public async Task ClientThatLeavesDuringItsUpload_FreesItsPlace(string store)
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Team = One, Limits = await LimitsAsync(store) });
        for (var round = 0; round < 3; round++)
        {
            await using var upload = await SendHeadAsync(team, 1000, Expect);
            Assert.Equal(100, (await upload.ReadHeadAsync()).Status);
            upload.Reset();
            await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a free place");
        }
    }

    /// <summary>The next call comes as soon as the client has read the refusal.</summary>
    [Theory]
    [InlineData(400, "Content-Length: 1\r\n", "{")]
    [InlineData(413, "Content-Length: 104857601\r\n", "")]
    [InlineData(415, "Content-Length: 1\r\nContent-Encoding: zstd\r\n", "{")]
    [InlineData(403, "", "\"model\":\"denied/model\"")]
    [InlineData(402, "", "\"max_tokens\":9000000")]
    public async Task RefusedRequest_FreesItsPlaceBeforeItsAnswer(int status, string headers, string body)
    {
        await using var team = await TeamGateway.StartAsync(One + """, "DeniedModels": ["denied/*"], "Budget": { "Usd": 1 } """);
        for (var round = 0; round < 30; round++)
        {
            if (headers.Length == 0)
            {
                (await team.ChatAsync(body)).IsRefused(status);
            }
            else
            {
                await using var refused = await SendAsync(team, headers);
                await refused.SendAsync(body);
                Assert.Equal(status, (await refused.ReadHeadAsync()).Status);
            }

            Assert.Equal(200, (await team.ChatAsync()).Status);
        }
    }

    private static Task<RawHttpClient> SendHeadAsync(TeamGateway team, int length, string headers) =>
        SendAsync(team, $"Content-Length: {length}\r\n{headers}");

    private static async Task<RawHttpClient> SendAsync(TeamGateway team, string headers)
    {
        var client = await team.Gateway.ConnectAsync();
        await client.SendAsync($"POST {Chat} HTTP/1.1\r\nHost: {client.Authority}\r\n{TeamSetup.Bearer}\r\n{headers}\r\n");
        return client;
    }

    private async Task<string> LimitsAsync(string store)
    {
        if (store == "Memory")
        {
            return "{}";
        }

        var server = await redis.GetAsync();
        return $$"""
            { "Store": "Redis",
              "Redis": { "Configuration": "{{server.PatientConfiguration}}", "KeyPrefix": "{{redis.NewPrefix()}}", "Timeout": "00:00:30" } }
            """;
    }
}
