using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: one line a request, joined to the answer by its id; never a key, never a prompt, also in failures.</summary>
public sealed class LogTests
{
    private const string Key = "sk-or-v1-SECRETKEY0123456789";
    private const string Prompt = "SECRETPROMPT";
    private const string Query = "SECRETQUERY";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KeysAndPrompts_ReachNoSinkWhateverHappens(bool verbose)
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Rules("""[{ "Name": "r", "Model": "ruled", "Provider": { "order": ["a"] } }]""");
            if (verbose)
            {
                options.Args("--verbose");
            }
        });
        var body = $$"""{"model":"ruled","messages":[{"role":"user","content":"{{Prompt}}"}],"stream":true}""";
        string[] keys = [$"Authorization: Bearer {Key}", $"x-api-key: {Key}", $"X-Provider-API-Keys: {Key}", $"Cookie: {Key}"];
        string[][] scripts =
        [
            [], ["x-fake-status: 429"], ["x-fake-status: 500"], ["x-fake-close: 1"], ["x-fake-cut-after: 1"], ["x-fake-error: 1"],
        ];
        foreach (var script in scripts)
        {
            await pair.SendAsync("POST", "/v1/chat/completions", [.. keys, .. script], System.Text.Encoding.UTF8.GetBytes(body));
        }

        await pair.SendAsync("POST", $"/v1/chat/completions?q={Query}", keys, System.Text.Encoding.UTF8.GetBytes(body[..^3]));
        await pair.SendAsync("POST", "/v1/chat/completions", keys, System.Text.Encoding.UTF8.GetBytes($"{{\"{Prompt}\" {Prompt}"));
        await pair.SendAsync("POST", "/v1/files", [.. keys, "x-fake-close: 1"], System.Text.Encoding.UTF8.GetBytes(Prompt));
        await pair.SendAsync("GET", $"/{Prompt}//x", keys, null);
        await pair.SendAsync("GET", "/v1/" + Key, keys, null);
        await pair.SendAsync("POST", "/v1/chat/completions", keys, System.Text.Encoding.UTF8.GetBytes($$"""{"model":"{{Key}}","messages":[]}"""));
        await using (var client = await pair.Gateway.ConnectAsync())
        {
            await client.SendAsync($"GARBAGE {Key}\r\n{Prompt}\r\n\r\n");
            await client.ReadHeadAsync();
        }

        await pair.Gateway.ReloadAsync(
            ShippedSettings.WithRules("""[{ "Name": "again", "Model": "*", "Provider": { "order": ["a"] } }]"""));
        await pair.SendAsync("POST", "/v1/chat/completions", keys, System.Text.Encoding.UTF8.GetBytes(body));
        await pair.Gateway.Process.TerminateAsync();
        var output = await pair.Gateway.Process.WaitForExitAsync();

        Assert.DoesNotContain("SECRETKEY", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain("messages\":[{", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain(Query, output.All, StringComparison.Ordinal);

        // A path is no prompt, so the one call whose path holds the word may show it.
        Assert.DoesNotContain(
            output.All.Split('\n'),
            line => line.Contains(Prompt, StringComparison.Ordinal) && !line.Contains($"/{Prompt}//x", StringComparison.Ordinal));
    }

    [Fact]
    public async Task NothingThatCouldNotBeRead_IsQuotedAtAnyLevel()
    {
        await using var upstream = ScriptedSocketUpstream.Answering($"{Prompt} garbage\r\n\r\n");
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Upstream = upstream.BaseUrl;
            options.Settings = ShippedSettings.WithValues(
                ("Logging:LogLevel:Default", "\"Trace\""),
                ("Logging:LogLevel:Microsoft.AspNetCore", "\"Trace\""),
                ("Logging:LogLevel:Yarp", "\"Trace\""));
        });
        string[] heads =
        [
            $"GET v1/models?{Key} HTTP/1.1\r\nHost: h",
            $"GET /v1/models HTTP/1.1\r\nHost: {Key} {Key}",
            $"GET /v1/models HTTP/1.1\r\nHost: h\r\nContent-Length: {Key}",
            $"POST /v1/models HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {Key}",
            $"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization Bearer {Key}",
        ];
        foreach (var head in heads)
        {
            await using var client = await gateway.ConnectAsync();
            await client.SendAsync(head + "\r\n\r\n");
            Assert.Equal(400, (await client.ReadHeadAsync()).Status);
        }

        await using (var client = await gateway.ConnectAsync())
        {
            await client.PostAsync($"/v1/chat/completions?q={Query}", $$"""{"model":"m","messages":["{{Prompt}}"]}""", $"x-api-key: {Key}");
            Assert.Equal(502, (await client.ReadHeadAsync()).Status);
        }

        // The end of the program waits for the reader of a full pipe for two seconds only.
        await gateway.Log.WaitForAsync(static line => line.Contains("invalid status line", StringComparison.Ordinal), "the line of the response");
        await gateway.Process.TerminateAsync();
        var output = await gateway.Process.WaitForExitAsync();

        Assert.Contains("\"@l\":\"Debug\"", output.All, StringComparison.Ordinal);
        Assert.Contains("invalid status line", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, output.All, StringComparison.Ordinal);
        Assert.DoesNotContain(Prompt, output.All, StringComparison.Ordinal);
        Assert.DoesNotContain(Query, output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EachRequest_HasOneLineWithItsId()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Rules("""[{ "Name": "the-rule", "Model": "ruled", "Provider": { "only": ["mistral"] } }]""");
        });
        var calls = new List<Exchange>();
        for (var i = 0; i < 5; i++)
        {
            calls.Add(await pair.ChatAsync("ruled"));
        }

        calls.Add(await pair.PostAsync("/v1/chat/completions", "[]"));
        calls.Add(await pair.GetAsync("/v1/models"));
        calls.Add(await pair.GetAsync("/nothing"));
        await pair.Gateway.Process.TerminateAsync();
        var output = await pair.Gateway.Process.WaitForExitAsync();

        foreach (var call in calls)
        {
            var line = Assert.Single(
                output.All.Split('\n'), line => line.Contains(call.Head.Header("x-request-id")!, StringComparison.Ordinal));

            // Not on a terminal the log is compact JSON.
            using var json = JsonDocument.Parse(line);
            Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
            Assert.Contains(call.Status.ToString(System.Globalization.CultureInfo.InvariantCulture), line, StringComparison.Ordinal);
            Assert.Equal(call.Head.Header("x-gateway-rule") is not null, line.Contains("the-rule", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task NothingThatTheNetworkDoes_IsAnErrorOfOurs()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.OutOfProcess = true);
        const string Streaming = """{"model":"m","stream":true}""";
        await pair.PostAsync("/v1/chat/completions", Streaming, "x-fake-close: 1");
        await pair.PostAsync("/v1/chat/completions", Streaming, "x-fake-cut-after: 1");
        await using (var client = await pair.Gateway.ConnectAsync())
        {
            await client.PostAsync("/v1/chat/completions", Streaming, "x-fake-stall-after: 1", "x-fake-id: left");
            await client.ReadHeadAsync();
            client.Reset();
        }

        await pair.Upstream.Requests.Find("left")!.WaitForEndAsync();
        for (var i = 0; i < 30; i++)
        {
            // In the middle of an upload that streams through: which of several threads learns of it first is a matter of luck.
            await using var client = await pair.Gateway.ConnectAsync();
            await client.SendAsync(
                "POST /v1/files HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
                + $"x-fake-id: upload-{i}\r\nContent-Length: 1000000\r\n\r\nhello");
            var upload = await pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == $"upload-{i}");
            client.Reset();
            await upload.WaitForEndAsync();
        }

        await pair.Gateway.Process.TerminateAsync();
        var output = await pair.Gateway.Process.WaitForExitAsync();

        Assert.DoesNotContain("\"@l\":\"Error\"", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain("\"@l\":\"Fatal\"", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain(
            output.All.Split('\n'),
            line => line.Contains("/v1/files", StringComparison.Ordinal) && !line.Contains("\"ClientLeft\"", StringComparison.Ordinal));
    }
}
