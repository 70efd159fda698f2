using System.Net;
using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: uploads of one team, or of strangers, do not keep the calls of others waiting. The clock of the gateway stands still, so that no
/// upload loses its place for being slow unless a test says so.
/// </summary>
public sealed class NeighbourTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Expect = "Expect: 100-continue\r\n";
    private const string Other = "ogw-other";
    private const int Megabyte = 1024 * 1024;

    /// <summary>Kestrel has a clock of its own, by which it would end a stalled upload after half a minute.</summary>
    private const string NoRate = """{ "BytesPerSecond": 0 }""";

    /// <summary>More than one, since the gateway may see an upload that has to wait later than the first call.</summary>
    private const int Calls = 5;

    /// <summary>The announced lengths are such that two, or eight, of the uploads take all of the memory that one team may take.</summary>
    [Theory]
    [InlineData(100 * Megabyte, 2)]
    [InlineData(25 * Megabyte, 8)]
    public async Task TwelveStalledUploadsOfATeam_DelayNobodyElse(int length, int held)
    {
        await using var team = await StartAsync($$"""{ "Limits": { "MinRequestBodyDataRate": {{NoRate}} } }""", FakeTime.StartNow());
        await using var stalled = await StallAsync(
            12, held, () => team.Gateway.ConnectAsync(), client => Head(client, TeamSetup.Key, length, Expect));

        for (var i = 0; i < Calls; i++)
        {
            Assert.Equal(200, (await CallAsync(team, 100_000)).Status);
            Assert.Equal(200, (await CallAsync(team, 100)).Status);
        }
    }

    [Fact]
    public async Task SixStalledUploadsOfStrangers_DelayNobodyElse()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Time = FakeTime.StartNow();
            options.Settings = ShippedSettings.WithValues(("Server:Limits:MinRequestBodyDataRate", NoRate));
        });
        var next = 1;
        await using var stalled = await StallAsync(
            6,
            2,
            () => RawHttpClient.ConnectAsync(pair.Gateway.Address, from: IPAddress.Parse($"127.0.0.{++next}")),
            client => Head(client, "sk-or-v1-stranger", 100 * Megabyte, Expect));

        for (var i = 0; i < Calls; i++)
        {
            Assert.Equal(200, (await pair.PostAsync(Chat, Body(100_000))).Status);
        }
    }

    [Fact]
    public async Task StalledUpload_LosesItsPlaceInSecondsWhenAnotherTeamWaits()
    {
        var time = FakeTime.StartNow();
        await using var team = await StartAsync($$"""{ "RequestBodyMemory": {{Megabyte}} }""", time);

        // It is larger than all of the memory, so that not even an eighth of it is free.
        await using var stalled = await team.Gateway.ConnectAsync();
        await stalled.SendAsync(Head(stalled, TeamSetup.Key, 2_000_000, Expect));
        Assert.Equal(100, (await stalled.ReadHeadAsync()).Status);
        await stalled.SendAsync(Body(2_000_000).AsMemory(0, 1_900_000));
        var answer = CallAsync(team, 100_000);

        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(answer.IsCompleted), "the other team's answer");

        Assert.Equal(200, (await answer).Status);
        Assert.Equal(408, (await stalled.ReadHeadAsync()).Status);
    }

    [Fact]
    public async Task TooManyWaitingUploads_AreToldThatTheServerIsBusy_AndAnotherTeamStillFindsAPlace()
    {
        await using var team = await StartAsync(
            $$"""{ "RequestBodyMemory": {{Megabyte}}, "MaxWaitingBodies": 4, "Limits": { "MinRequestBodyDataRate": {{NoRate}} } }""",
            FakeTime.StartNow());
        var body = Body(800_000);
        await using var holder = await team.Gateway.ConnectAsync();
        await holder.SendAsync(Head(holder, TeamSetup.Key, body.Length, Expect));
        Assert.Equal(100, (await holder.ReadHeadAsync()).Status);

        var waiting = new List<Task<(RawResponse Head, RawBody Body)>>();
        await using var clients = new Clients();
        for (var i = 0; i < 7; i++)
        {
            waiting.Add(await BeginAsync(i % 2 == 0 ? Chat : "/v1/messages", TeamSetup.Key));
        }

        for (var i = 0; i < 3; i++)
        {
            await BusyAsync();
        }

        // The other team replaces one of the four.
        var other = await BeginAsync(Chat, Other);
        await BusyAsync();
        Assert.False(other.IsCompleted);

        await holder.SendAsync(body);
        Assert.Equal(200, (await holder.ReadAsync()).Head.Status);
        Assert.Equal(200, (await other).Head.Status);
        Assert.Equal(3, waiting.Count);
        foreach (var answer in waiting)
        {
            Assert.Equal(200, (await answer).Head.Status);
        }

        async Task<Task<(RawResponse Head, RawBody Body)>> BeginAsync(string path, string key)
        {
            var client = clients.Add(await team.Gateway.ConnectAsync());
            await client.SendAsync(Head(client, key, body.Length, "", path));
            _ = client.SendAsync(body).ContinueWith(static sent => sent.Exception, TaskScheduler.Default);
            return client.ReadAsync();
        }

        async Task BusyAsync()
        {
            var first = await Task.WhenAny(waiting);
            var isMessages = waiting.IndexOf(first) % 2 == 1;
            waiting.Remove(first);
            var (head, text) = await first;
            Assert.Equal((503, "5"), (head.Status, head.Header("Retry-After")));
            Assert.Contains("\"overloaded_error\"", text.Text, StringComparison.Ordinal);
            Assert.True(
                text.Text.Contains("\"server_busy\"", StringComparison.Ordinal) || text.Text.StartsWith("{\"type\":\"error\"", StringComparison.Ordinal),
                text.Text);
        }
    }

    private static Task<TeamGateway> StartAsync(string server, TimeProvider? time = null) => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        MoreTeams = reference => [TeamSetup.Team("", "other", Other, reference: reference)],
        Sections = [("Server", server)],
        Time = time,
    });

    /// <summary>Opens uploads that send 130 bytes each, and waits until as many as can hold memory do.</summary>
    private static async Task<Clients> StallAsync(int count, int held, Func<Task<RawHttpClient>> connect, Func<RawHttpClient, string> head)
    {
        var clients = new Clients();
        var begun = new List<Task>();
        for (var i = 0; i < count; i++)
        {
            var client = clients.Add(await connect());
            await client.SendAsync(head(client));
            begun.Add(BeginAsync(client));
        }

        for (var i = 0; i < held; i++)
        {
            var first = await Task.WhenAny(begun);
            await first;
            begun.Remove(first);
        }

        // The others wait.
        return clients;

        static async Task BeginAsync(RawHttpClient client)
        {
            Assert.Equal(100, (await client.ReadHeadAsync()).Status);
            await client.SendAsync("{");
        }
    }

    private static Task<Exchange> CallAsync(TeamGateway team, int length) =>
        team.PostAsync(Chat, Encoding.ASCII.GetString(Body(length)), "x-api-key: " + Other);

    private static string Head(RawHttpClient client, string key, int length, string more, string path = Chat) =>
        $"POST {path} HTTP/1.1\r\nHost: {client.Authority}\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n{more}\r\n";

    private static byte[] Body(int length)
    {
        const string Head = "{\"model\":\"openai/gpt-4o-mini\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"";
        return Encoding.ASCII.GetBytes(Head + new string('x', Math.Max(1, length - Head.Length - 4)) + "\"}]}");
    }

    private sealed class Clients : IAsyncDisposable
    {
        private readonly List<RawHttpClient> _clients = [];

        public RawHttpClient Add(RawHttpClient client)
        {
            _clients.Add(client);
            return client;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var client in _clients)
            {
                client.Reset();
                await client.DisposeAsync();
            }
        }
    }
}
