using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FakeOpenRouter;
using Gateway.Tests.Documents;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The fault kit: named faults and scenarios of the scripted upstream, and their documentation.</summary>
public sealed partial class ScenarioTests : IAsyncLifetime
{
    private const string Chat = "/api/v1/chat/completions";

    private static readonly string Tool = Path.Combine(Repository.Root, "tools", "FakeOpenRouter");

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _notes = [];
    private readonly LoopbackPort _port = LoopbackPort.Claim();
    private FakeOpenRouterServer? _server;

    private FakeOpenRouterServer Server => _server!;

    public static TheoryData<string> Shipped =>
        [.. Directory.EnumerateFiles(Path.Combine(Tool, "scenarios")).Select(file => Path.GetFileName(file)!)];

    public async ValueTask InitializeAsync() => _server = await FakeOpenRouterServer.StartAsync(
        new FakeOpenRouterOptions { Port = _port.Number, Time = _time, Note = _notes.Add });

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _port.Dispose();
    }

    [Fact]
    public void Readme_ListsEveryFaultWithItsScript()
    {
        var rows = MarkdownSection.Read(Path.Combine(Tool, "README.md")).Single(section => section.Heading == "## Faults").TableRows;

        Assert.Equal(
            Faults.All.Select(fault => (fault.Name, string.Join(" + ", fault.Script))),
            rows.Select(row => (row[0].Trim('`'), string.Join(" + ", CodeSpan().Matches(row[1]).Select(match => match.Groups["code"].Value)))));
    }

    [Fact]
    public void EveryFault_HasAValidScript() => Assert.All(Faults.All, fault => FakeScript.Parse(fault.Script));

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task ShippedScenario_IsValidAndListed(string file)
    {
        var scenario = Scenario.Parse(await File.ReadAllBytesAsync(Path.Combine(Tool, "scenarios", file), TestContext.Current.CancellationToken));

        Assert.NotEmpty(scenario.Steps);
        Assert.Contains($"`{file}`", await File.ReadAllTextAsync(Path.Combine(Tool, "README.md"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadmeExample_IsAScenario()
    {
        var section = MarkdownSection.Read(Path.Combine(Tool, "README.md")).Single(section => section.Heading == "## Scenarios");
        var example = section.CodeBlocks.Single(block => block.StartsWith("```json", StringComparison.Ordinal));

        Assert.Equal(5, Scenario.Parse(Encoding.UTF8.GetBytes(example["```json".Length..])).Steps.Count);
    }

    [Fact]
    public async Task Header_NamesAFault()
    {
        var call = await CallAsync("x-fake-fault: rate-limited", "x-fake-id: x");

        Assert.Equal((429, "2"), (call.Status, call.Header("Retry-After")));
        Assert.Equal("x", Server.Requests.Single.Id);
        Assert.Equal(501, (await CallAsync("x-fake-fault: rate-limit")).Status);
        Assert.Equal(501, (await CallAsync("x-fake-fault: down")).Status);
    }

    [Fact]
    public async Task Requests_FailByTheirNumber()
    {
        await PlayAsync("""
            { "requests": [2, 3], "fault": "rate-limited" },
            { "requests": [3, 5], "script": [ "x-fake-status: 502" ] },
            { "requests": [7], "fault": "overloaded", "every": 2 },
            """);

        var statuses = new List<int>();
        for (var i = 0; i < 10; i++)
        {
            statuses.Add((await CallAsync()).Status);
        }

        Assert.Equal([200, 429, 429, 502, 502, 200, 503, 200, 503, 200], statuses);
        Assert.Equal("0.0 s  POST /api/v1/chat/completions  rate-limited", _notes[0]);
        Assert.Equal(6, _notes.Count);
        var report = JsonSerializer.Deserialize<JsonElement>(await GetAsync("/__scenario"));
        Assert.Equal(
            [("rate-limited", 10, 2), ("x-fake-status: 502", 10, 2), ("overloaded", 10, 2)],
            report.GetProperty("steps").EnumerateArray().Select(step => (
                step.GetProperty("fault").GetString()!, step.GetProperty("seen").GetInt32(), step.GetProperty("applied").GetInt32())));
    }

    [Fact]
    public async Task Requests_FailByTheSecond()
    {
        await PlayAsync("""{ "seconds": [10, 20], "fault": "overloaded" }, { "seconds": [30.5], "fault": "page-524" }""");

        Assert.Equal(200, (await CallAsync()).Status);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(503, (await CallAsync()).Status);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(200, (await CallAsync()).Status);
        _time.Advance(TimeSpan.FromSeconds(10.5));
        Assert.Equal(524, (await CallAsync()).Status);
        Assert.Contains("\"elapsed_seconds\":30.5", await GetAsync("/__scenario"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Down_ClosesThePortAndOpensItAgain()
    {
        await PlayAsync("""{ "seconds": [10, 20], "fault": "down" }, { "seconds": [30, 40], "fault": "down" }""");
        for (var i = 0; i < 2; i++)
        {
            await using var open = await ConnectAsync();
            await open.PostAsync(Chat, "{}");
            Assert.Equal(200, (await open.ReadAsync()).Head.Status);

            _time.Advance(TimeSpan.FromSeconds(10));
            await Eventually.TrueAsync(IsRefusedAsync, "the port to be closed");
            Assert.True(await open.IsClosedByPeerAsync());

            _time.Advance(TimeSpan.FromSeconds(10));
            await Eventually.TrueAsync(async () => !await IsRefusedAsync(), "the port to be open");
            Assert.Equal(200, (await CallAsync()).Status);
        }
    }

    [Fact]
    public async Task NewScenario_EndsAnOutage()
    {
        await PlayAsync("""{ "seconds": [0], "fault": "down" }""");
        await Eventually.TrueAsync(IsRefusedAsync, "the port to be closed");

        await PlayAsync("");

        Assert.Equal(200, (await CallAsync()).Status);
    }

    [Fact]
    public async Task Path_SelectsOtherRequests()
    {
        await PlayAsync("""{ "path": "/models", "requests": [2, 2], "fault": "overloaded" }""");

        Assert.Equal(200, (await CallAsync()).Status);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/api/v1/models"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync("/api/v1/models"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/api/v1/models"));
    }

    [Fact]
    public async Task RequestWithItsOwnScript_IsNotPartOfIt()
    {
        await PlayAsync("""{ "fault": "overloaded" }""");

        Assert.Equal(429, (await CallAsync("x-fake-status: 429", "x-fake-id: own")).Status);
        Assert.Equal(503, (await CallAsync("x-fake-id: named")).Status);
        Assert.Equal("named", Server.Requests.Last.Id);
    }

    [Fact]
    public async Task Post_StartsAScenarioOrSaysWhatIsWrong()
    {
        Assert.Equal(HttpStatusCode.NoContent, (await PostScenarioAsync("""{ "steps": [ { "fault": "overloaded" } ] }""")).Status);
        Assert.Equal(503, (await CallAsync()).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await PostScenarioAsync("{}")).Status);
        Assert.Equal(200, (await CallAsync()).Status);

        var (status, text) = await PostScenarioAsync("""{ "steps": [ { "fault": "overload" } ] }""");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith("Step 1: \"overload\" is no fault; expected cannot-afford, ", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "fault": "silent", "second": [1, 2] }""", "Step 1: \"second\" is unknown")]
    [InlineData("""{ "fault": "silent", "script": [ "x-fake-status: 500" ] }""", "Step 1: expected either fault or script")]
    [InlineData("""{ "seconds": [1, 2] }""", "Step 1: expected either fault or script")]
    [InlineData("""{ "fault": "silent" }, { "script": [ "x-fake-stall: 1" ] }""", "Step 2: \"x-fake-stall: 1\"")]
    [InlineData("""{ "fault": "silent", "seconds": [2, 1] }""", "Step 1: [2, 1] is no range")]
    [InlineData("""{ "fault": "silent", "requests": [] }""", "Step 1: [] is no range")]
    [InlineData("""{ "fault": "silent", "seconds": [1e300] }""", "Step 1: ")]
    [InlineData("""{ "fault": 7 }""", "Step 1: ")]
    [InlineData("""{ "fault": "down", "requests": [1, 2] }""", "Step 1: \"down\" is a fault of the server")]
    [InlineData("7", "Step 1: ")]
    [InlineData("{", "The scenario is not")]
    public void InvalidStep_IsNamed(string steps, string message)
    {
        var fault = Assert.Throws<FormatException>(() => Scenario.Parse(Encoding.UTF8.GetBytes($$"""{ "steps": [ {{steps}} ] }""")));

        Assert.StartsWith(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GoAway_RenewsTheConnection()
    {
        var head = await CallAsync("x-fake-fault: goaway");
        Assert.Equal((200, "close"), (head.Status, head.Header("Connection")));

        await using var server = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Http2 = true, FlushesToSocket = false });
        using var client = new HttpClient { BaseAddress = new Uri(server.RootUrl) };
        Assert.Equal(HttpStatusCode.OK, (await PostHttp2Async(client)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PostHttp2Async(client)).StatusCode);
        Assert.Equal(1, server.Connections.Total);

        Assert.Equal(HttpStatusCode.OK, (await PostHttp2Async(client, "goaway")).StatusCode);
        await Eventually.TrueAsync(() => server.Connections.Open == 0, "the connection to end");
        Assert.Equal(HttpStatusCode.OK, (await PostHttp2Async(client)).StatusCode);
        Assert.Equal(2, server.Connections.Total);
        Assert.Equal("goaway", server.Requests.All[2].Header("x-fake-fault"));
        Assert.Equal("HTTP/2", server.Requests.Last.Protocol);
    }

    [Theory]
    [InlineData("refused-stream")]
    [InlineData("goaway-refused")]
    public async Task RefusedStream_IsNotBilled(string fault)
    {
        await using var server = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Http2 = true, FlushesToSocket = false });
        using var client = new HttpClient { BaseAddress = new Uri(server.RootUrl) };

        var failed = await Assert.ThrowsAsync<HttpRequestException>(() => PostHttp2Async(client, fault));

        // REFUSED_STREAM, or the NO_ERROR of the GOAWAY; the first that arrives.
        long[] codes = fault == "refused-stream" ? [7] : [7, 0];
        Assert.Contains(Assert.IsType<HttpProtocolException>(failed.InnerException).ErrorCode, codes);
        Assert.Empty(server.Book.Entries);
    }

    private static async Task<HttpResponseMessage> PostHttp2Async(HttpClient client, string? fault = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent("{}"),
        };
        if (fault is not null)
        {
            request.Headers.Add("x-fake-fault", fault);
        }

        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private Task PlayAsync(string steps) => Server.PlayAsync(Scenario.Parse(Encoding.UTF8.GetBytes($$"""{ "steps": [ {{steps}} ] }""")));

    private Task<RawHttpClient> ConnectAsync() => RawHttpClient.ConnectAsync(new Uri(Server.RootUrl));

    private async Task<bool> IsRefusedAsync()
    {
        try
        {
            await using var client = await ConnectAsync();
            return false;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return true;
        }
    }

    private async Task<RawResponse> CallAsync(params string[] lines)
    {
        await using var client = await ConnectAsync();
        await client.PostAsync(Chat, "{}", lines);
        return (await client.ReadAsync()).Head;
    }

    private async Task<string> GetAsync(string path)
    {
        using var client = new HttpClient();
        return await client.GetStringAsync(new Uri(Server.RootUrl + path), TestContext.Current.CancellationToken);
    }

    private async Task<HttpStatusCode> StatusAsync(string path)
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri(Server.RootUrl + path), TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    private async Task<(HttpStatusCode Status, string Text)> PostScenarioAsync(string json)
    {
        using var client = new HttpClient();
        using var content = new StringContent(json);
        using var response = await client.PostAsync(new Uri(Server.RootUrl + "/__scenario"), content, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [GeneratedRegex("`(?<code>[^`]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex CodeSpan();
}
