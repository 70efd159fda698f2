using System.Security.Cryptography;
using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: large bodies that come at once wait their turn, and each reaches upstream to the byte.</summary>
public sealed class BodyMemoryTests
{
    private const string Chat = "/v1/chat/completions";
    private const int Megabyte = 1024 * 1024;

    [Fact]
    public async Task BodiesBeyondTheMemory_AllArriveToTheByte()
    {
        // Each upload gets a part of a busy machine, and by the system's clock the slowest might lose its place.
        await using var pair = await StartAsync(8 * Megabyte, new StandingTime());
        var bodies = Enumerable.Range(0, 20).Select(i => Body((5 * Megabyte) + i)).ToArray();

        var answers = await Task.WhenAll(bodies.Select(body => pair.PostAsync(Chat, body)));

        foreach (var (body, answer) in bodies.Zip(answers))
        {
            Assert.Equal(200, answer.Status);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), answer.Upstream!.BodySha256);
        }
    }

    [Fact]
    public async Task SlowUpload_LosesItsPlaceAndTheNextIsServed()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var pair = await StartAsync(Megabyte, time);
        await using var slow = await pair.Gateway.ConnectAsync();
        await slow.SendAsync(Head(slow, 800_000, "Expect: 100-continue\r\n"));
        Assert.Equal(100, (await slow.ReadHeadAsync()).Status);
        await slow.SendAsync("{");

        // Its place is taken: a large body gets no "100 Continue".
        await using var next = await pair.Gateway.ConnectAsync();
        var body = Body(800_000);
        await next.SendAsync(Head(next, body.Length, "Expect: 100-continue\r\n"));
        var asked = next.ReadHeadAsync();
        Assert.Equal(200, (await pair.PostAsync(Chat, Body(60_000))).Status);
        Assert.False(asked.IsCompleted);

        var ended = slow.ReadHeadAsync();
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(ended.IsCompleted), "the end of the slow upload");
        Assert.Equal(408, (await ended).Status);
        Assert.Equal(100, (await asked).Status);
        await next.SendAsync(body);
        Assert.Equal(200, (await next.ReadHeadAsync()).Status);
    }

    [Fact]
    public async Task RaisedMemory_LetsInWhoWaits()
    {
        // The holder sends nothing: by the system's clock it would lose its place in the end.
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var pair = await StartAsync(Megabyte, time);
        await using var holder = await pair.Gateway.ConnectAsync();
        await holder.SendAsync(Head(holder, 800_000, "Expect: 100-continue\r\n"));
        Assert.Equal(100, (await holder.ReadHeadAsync()).Status);
        await using var waiting = await pair.Gateway.ConnectAsync();
        await waiting.PostAsync(Chat, Body(800_000));
        var answer = waiting.ReadHeadAsync();
        Assert.Equal(200, (await pair.PostAsync(Chat, Body(60_000))).Status);
        Assert.False(answer.IsCompleted);

        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(("Server:RequestBodyMemory", $"{8 * Megabyte}")), time);

        // In force with the next one that comes.
        Assert.Equal(200, (await pair.PostAsync(Chat, Body(800_000))).Status);
        Assert.Equal(200, (await answer).Status);
        Assert.False((await pair.Gateway.HealthAsync()).GetProperty("restart_required").GetBoolean());
    }

    private static Task<GatewayPair> StartAsync(long memory, TimeProvider? time = null) => GatewayPair.StartAsync(
        options =>
        {
            options.Settings = ShippedSettings.WithValues(("Server:RequestBodyMemory", $"{memory}"));
            options.Time = time;
        });

    private static string Head(RawHttpClient client, int length, string more = "") =>
        $"POST {Chat} HTTP/1.1\r\nHost: {client.Authority}\r\nAuthorization: Bearer sk-or-v1-test\r\n"
        + $"Content-Length: {length}\r\n{more}\r\n";

    private static byte[] Body(int length)
    {
        const string Head = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"";
        return Encoding.ASCII.GetBytes(Head + new string('x', length - Head.Length - 4) + "\"}]}");
    }
}
