using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gateway.Alerts;
using Gateway.Secrets;
using Gateway.Tests.Documents;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>Promise: the signature is the documented one, and the documented sample verifies it.</summary>
public sealed class AlertSignatureTests
{
    private static readonly MarkdownSection Section =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "alerts.md")).Single(section => section.Heading == "## Signature");

    private static readonly DateTimeOffset At = DateTimeOffset.FromUnixTimeSeconds(1764370800);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Signature_IsTheDocumentedOne()
    {
        var signature = AlertSignature.Of("{}"u8, At, new SecretText("example"));

        Assert.Contains(Section.CodeBlocks, block => block.Contains($"\n{AlertSignature.Header}: {signature}", StringComparison.Ordinal));
        Assert.Equal(
            $"t=1764370800,v1={Convert.ToHexStringLower(HMACSHA256.HashData("example"u8, "1764370800.{}"u8))}",
            signature);
    }

    [Fact]
    public async Task Post_IsSignedOverItsBytes()
    {
        await using var setup = await AlertSetup.CreateAsync(", \"Secret\": \"env:SECRET\"");
        setup.Receiver.Answer = AlertReceiver.Status(500);
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        await setup.OutcomesAsync("failed", 1);
        setup.Receiver.Answer = AlertReceiver.Status(200);

        // First, since the other clock makes the next attempt due.
        setup.PostTime.Advance(TimeSpan.FromSeconds(10));
        setup.Time.Advance(TimeSpan.FromSeconds(10));
        var posts = await setup.PostsAsync(2);

        // Each attempt has a time of its own.
        Assert.Equal(
            [AlertSetup.Noon.ToUnixTimeSeconds(), AlertSetup.Noon.ToUnixTimeSeconds() + 10],
            posts.Select(post => long.Parse(post.Headers[AlertSignature.Header].Split(',')[0][2..], CultureInfo.InvariantCulture)));
        foreach (var post in posts)
        {
            var parts = post.Headers[AlertSignature.Header].Split(',').Select(part => part.Split('=')).ToDictionary(part => part[0], part => part[1]);
            byte[] signed = [.. Encoding.ASCII.GetBytes(parts["t"] + "."), .. post.Body];
            Assert.Equal(parts["v1"], Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(AlertSetup.Secret), signed)));
            Assert.Equal("application/json", post.Headers["Content-Type"]);
        }
    }

    [Fact]
    public async Task WithoutASecret_ThereIsNoSignature()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Spend("search", 8);
        await setup.StartNodeAsync();

        Assert.DoesNotContain(AlertSignature.Header, Assert.Single(await setup.PostsAsync(1)).Headers.Keys);
    }

    [Theory]
    [InlineData("{}", "example", 0, true)]
    [InlineData("{ }", "example", 0, false)]
    [InlineData("{}", "other", 0, false)]
    [InlineData("{}", "example", 299, true)]
    [InlineData("{}", "example", 301, false)]
    [InlineData("{}", "example", -301, false)]
    public async Task DocumentedSample_Verifies(string body, string secret, int late, bool isValid)
    {
        const string Fence = "```js\n";
        var sample = Assert.Single(Section.CodeBlocks, block => block.StartsWith(Fence, StringComparison.Ordinal))[Fence.Length..];
        var header = AlertSignature.Of("{}"u8, At, new SecretText("example"));
        var script = $"{sample}\nconsole.log(isFromGateway('{header}', Buffer.from('{body}'), '{secret}', {1764370800 + late}), isFromGateway(undefined, Buffer.from(''), 'x'));";
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("node", ["-e", script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("Node.js is not installed.");
            return;
        }

        using (process)
        {
            var error = process.StandardError.ReadToEndAsync(Cancel);
            var output = await process.StandardOutput.ReadToEndAsync(Cancel).GuardAsync();
            await process.WaitForExitAsync(Cancel).GuardAsync();
            Assert.Equal(("", $"{(isValid ? "true" : "false")} false\n"), (await error, output));
        }
    }
}
