using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the beginnings of responses that are held until their status is known count in the memory of bodies, and where it is used up, they
/// pass as they are.
/// </summary>
public sealed partial class HeldBeginningTests
{
    private const string Endpoint = "/v1/responses";
    private const string Streaming = """{"model":"m","stream":true}""";

    /// <summary>The size of the buffer that holds <see cref="Created"/>.</summary>
    private const long BufferSize = 128 * 1024;

    /// <summary>Four buffers are less than half of it, five are more.</summary>
    private const string Memory = "1200000";

    private const string Data = """{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}""";

    /// <summary>The event that opens a response repeats its instructions.</summary>
    private static readonly string Created =
        $"event: response.created\ndata: {{\"type\":\"response.created\",\"instructions\":\"{new string('i', 100_000)}\"}}\n\n";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task BeginningsBeyondTheMemory_PassWithTheirStatus_AndAnothersIsStillHeld()
    {
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = OpeningUpstream(goOn.Task);
        await using var gateway = await StartAsync(upstream);
        using var admin = await gateway.AdminClientAsync();
        await using var clients = new Clients();

        for (var i = 1; i <= 4; i++)
        {
            clients.Add(await PostAsync(gateway));
            await HeldAsync(admin, i * BufferSize);
        }

        // Its owner holds half of the memory.
        await using var fifth = await PostAsync(gateway);
        var head = await fifth.ReadHeadAsync().GuardAsync();
        Assert.Equal(200, head.Status);
        Assert.Null(head.Header("x-gateway-upstream-status"));

        // Another owner does not.
        clients.Add(await PostAsync(gateway, IPAddress.Parse("127.0.0.2")));
        await HeldAsync(admin, 5 * BufferSize);

        goOn.SetResult();
        Assert.Equal($"{Created}data: {Data}\n\n", (await fifth.ReadBodyAsync(head)).Text);
        foreach (var client in clients)
        {
            var (held, body) = await client.ReadAsync();
            Assert.Equal((429, Data), (held.Status, body.Text));
        }

        await HeldAsync(admin, 0);
        await using var next = await PostAsync(gateway);
        Assert.Equal(429, (await next.ReadAsync()).Head.Status);
    }

    [Fact]
    public async Task BeginningOfAClientThatLeaves_IsReleased()
    {
        await using var upstream = OpeningUpstream(new TaskCompletionSource().Task);
        await using var gateway = await StartAsync(upstream);
        using var admin = await gateway.AdminClientAsync();

        await using (await PostAsync(gateway))
        {
            await HeldAsync(admin, BufferSize);
        }

        await HeldAsync(admin, 0);
    }

    private static ScriptedSocketUpstream OpeningUpstream(Task goOn) => ScriptedSocketUpstream.Start(async connection =>
    {
        await connection.ReadRequestAsync();
        await BeginAsync(connection, Created);
        await goOn.WaitAsync(connection.Stopping);
        await EndAsync(connection);
    });

    private static async Task BeginAsync(ScriptedConnection connection, string events)
    {
        await connection.SendAsync(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
        await connection.SendChunkAsync(events);
    }

    private static async Task EndAsync(ScriptedConnection connection)
    {
        await connection.SendChunkAsync($"data: {Data}\n\n");
        await connection.SendAsync("0\r\n\r\n");
    }

    private static Task<GatewayHost> StartAsync(ScriptedSocketUpstream upstream) => GatewayHost.StartAsync(options =>
    {
        options.Upstream = upstream.BaseUrl;
        options.Settings = ShippedSettings.With(
            ("Admin", """{ "Url": "http://127.0.0.1:0" }"""),
            ("Server", $$"""{ "RequestBodyMemory": {{Memory}}, "EventStreamHeaderDelay": "01:00:00" }"""));
    });

    private static async Task<RawHttpClient> PostAsync(GatewayHost gateway, IPAddress? from = null)
    {
        var client = await RawHttpClient.ConnectAsync(gateway.Address, from: from);
        await client.PostAsync(Endpoint, Streaming);
        return client;
    }

    /// <summary>Waits until the metric of the reserved memory has a value.</summary>
    private static Task HeldAsync(HttpClient admin, long bytes)
    {
        var seen = "nothing";
        return Eventually.TrueAsync(
            async () =>
            {
                seen = HeldBytes().Match(await admin.GetStringAsync("/metrics", Stop)).Groups["bytes"].Value;
                return seen == bytes.ToString(CultureInfo.InvariantCulture);
            },
            () => string.Create(CultureInfo.InvariantCulture, $"{bytes} reserved bytes; seen: {seen}"));
    }

    [GeneratedRegex(@"^gateway_bodies_held_bytes(\{[^}]*\})? (?<bytes>\d+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex HeldBytes();

    private sealed class Clients : List<RawHttpClient>, IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            foreach (var client in this)
            {
                await client.DisposeAsync();
            }
        }
    }
}
