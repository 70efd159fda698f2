using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: SIGHUP reads the settings and ends nothing, and under <c>nohup</c> it stays ignored.</summary>
public sealed class HangUpTests
{
    [Fact]
    public async Task HangUp_ReadsTheSettingsAndCutsNoStream()
    {
        await using var pair = await GatewayPair.StartAsync(static options => options.OutOfProcess = true);
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", "x-fake-step: 1", "x-fake-events: 30");
        var head = await client.ReadHeadAsync();
        var request = await pair.Upstream.Requests.WaitForAsync(static request => request.BodyComplete);

        await pair.Gateway.Process.TerminateAsync("HUP");
        var version = await pair.Gateway.VersionAsync();
        await pair.Gateway.Log.WaitForAsync(
            line => line.Contains("Settings read: {Version} has not changed", StringComparison.Ordinal)
                && line.Contains(version, StringComparison.Ordinal),
            "the result of the read");
        request.ReleaseAll();
        var body = await client.ReadBodyAsync(head);

        Assert.Equal(RawEnd.Complete, body.End);
        Assert.Equal("[DONE]", SseEvents.Parse(body.Text)[^1].Data);
    }

    [Fact]
    public async Task UnderNohup_HangUpStaysIgnored()
    {
        await using var pair = await GatewayPair.StartAsync(static options =>
        {
            options.OutOfProcess = true;
            options.Through = ["nohup"];
        });

        await pair.Gateway.Process.TerminateAsync("HUP");
        await pair.Gateway.Process.TerminateAsync();
        var output = await pair.Gateway.Process.WaitForExitAsync();

        Assert.Equal(0, output.ExitCode);
        Assert.DoesNotContain("Settings read", output.Out, StringComparison.Ordinal);
    }
}
