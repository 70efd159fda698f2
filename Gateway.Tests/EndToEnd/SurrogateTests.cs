using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: text that has no UTF-8 form stops neither the log nor a report.</summary>
public sealed class SurrogateTests : IDisposable
{
    private const string Body = """{"model":"\ud800 x","messages":[]}""";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task LoneSurrogates_LeaveTheLogOfLaterRequests()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        _folder.Write("appsettings.json", ShippedSettings.Text);
        await using var process = GatewayProcess.Start(
            ["--ip", "127.0.0.1", "--port", "0", "--openrouter-base-url", upstream.BaseUrl], _folder.Path);
        await using var client = await RawHttpClient.ConnectAsync(await process.WaitForAddressAsync(upstream.BaseUrl));

        await client.PostAsync("/v1/chat/completions", Body);
        Assert.Equal(200, (await client.ReadAsync()).Head.Status);

        // A pair of surrogates at the length at which the path is cut.
        await client.GetAsync($"/v1/{new string('a', 195)}%F0%9F%98%80");
        await client.ReadAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"later/one","messages":[]}""");
        Assert.Equal(200, (await client.ReadAsync()).Head.Status);

        await process.Printed.WaitForAsync(line => line.Contains("\ufffd x", StringComparison.Ordinal), "the first request");
        await process.Printed.WaitForAsync(line => line.Contains("aaaa…", StringComparison.Ordinal), "the second request");
        await process.Printed.WaitForAsync(line => line.Contains("later/one", StringComparison.Ordinal), "the last request");
    }

    [Fact]
    public async Task Explain_AnswersForABodyWithALoneSurrogate()
    {
        _folder.Write("appsettings.json", ShippedSettings.Text);
        _folder.Write("body.json", Body);
        await using var process = GatewayProcess.Start(["explain", "--body", "body.json"], _folder.Path);

        var output = await process.WaitForExitAsync();

        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        Assert.Contains("\ufffd x", output.Out, StringComparison.Ordinal);
    }

    /// <summary>Standard error that cannot be written changes no exit code.</summary>
    [Fact]
    public async Task FullStandardError_LeavesTheExitCode()
    {
        await using var process = GatewayProcess.Start(["--bogus"], _folder.Path, through: ["sh", "-c", "exec \"$0\" \"$@\" 2>/dev/full"]);

        Assert.Equal(2, (await process.WaitForExitAsync()).ExitCode);
    }
}
