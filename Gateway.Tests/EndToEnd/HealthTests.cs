using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: health is answered without upstream and without a key.</summary>
public sealed class HealthTests : IClassFixture<HealthTests.Fixture>
{
    private readonly GatewayPair _pair;

    public HealthTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("GET", "/health")]
    [InlineData("GET", "/health/live")]
    [InlineData("GET", "/health/ready")]
    [InlineData("HEAD", "/")]
    [InlineData("HEAD", "/health")]
    [InlineData("HEAD", "/health/ready")]
    public async Task Page_IsAnsweredHereWithoutAKey(string method, string path)
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync($"{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        var head = await client.ReadHeadAsync();

        Assert.Equal(200, head.Status);
        Assert.Equal(0, _pair.Upstream.Connections.Total);
    }

    [Fact]
    public async Task Health_ShowsTheVersionAndNoDetails()
    {
        var health = await _pair.Gateway.HealthAsync();

        Assert.Equal(["status", "version", "restart_required", "ready"], health.EnumerateObject().Select(member => member.Name));
        Assert.Equal("ok", health.GetProperty("status").GetString());
        Assert.NotEmpty(health.GetProperty("version").GetString()!);
        Assert.False(health.GetProperty("restart_required").GetBoolean());
    }

    [Theory]
    [InlineData("/health/nothing")]
    [InlineData("/healthz")]
    public async Task OtherPages_AreUnknown(string path)
    {
        Assert.Equal(404, (await _pair.GetAsync(path)).Status);
    }

    [Fact]
    public async Task Command_ExitsWithZeroWhenTheGatewayIsAlive()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayProcess.RunAsync(
            ["health", "--ip", _pair.Gateway.Address.Host, $"--port={_pair.Gateway.Address.Port}"], folder.Path);

        Assert.Equal(0, output.ExitCode);
        Assert.Empty(output.All);
    }

    [Theory]
    [InlineData("{ \"Server\": ")]
    [InlineData("""{ "Server": { "Port": 1 }, "Unknown": 1, "Teams": [ { "Id": "a", "OpenRouterKey": "env:NOWHERE" } ] }""")]
    public async Task Command_ExitsWithZeroWhenTheGatewayIsAliveAndItsSettingsAreFaulty(string settings)
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", settings);

        var output = await GatewayCommandRun.RunAsync(
            ["health", "--ip", _pair.Gateway.Address.Host, $"--port={_pair.Gateway.Address.Port}"], folder.Path);

        Assert.Equal((0, ""), (output.ExitCode, output.All));
    }

    [Fact]
    public async Task Command_ExitsWithOneWhenTheAddressIsFaulty()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", """{ "Server": { "Address": "nowhere" } }""");

        var output = await GatewayCommandRun.RunAsync(["health"], folder.Path);

        Assert.Equal(1, output.ExitCode);
        Assert.Contains("Server:Address", output.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TE, close")]
    [InlineData("close, X-Hop")]
    public async Task CloseBesideAnotherName_ClosesTheConnection(string header)
    {
        await using var connection = await RawConnection.OpenAsync(_pair.Gateway.Address);

        await connection.SendAsync($"GET /health/live HTTP/1.1\r\nHost: gateway\r\nConnection: {header}\r\n\r\n");

        Assert.Equal("close", (await connection.ReadAnswerAsync()).Headers["connection"]);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 2")]
    [InlineData("Transfer-Encoding: gzip, chunked")]
    public async Task FramingThatUpstreamWouldNotSee_IsA400(string headers)
    {
        await using var connection = await RawConnection.OpenAsync(_pair.Gateway.Address);

        await connection.SendAsync($"POST /v1/audio/speech HTTP/1.1\r\nHost: gateway\r\n{headers}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");

        Assert.Equal(400, (await connection.ReadAnswerAsync()).Status);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
        }
    }
}
