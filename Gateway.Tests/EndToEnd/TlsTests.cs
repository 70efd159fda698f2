using System.Net;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>--https</c> serves HTTP/1.1 and HTTP/2 from a PEM pair; renewed files are picked up, a bad pair keeps the old one.
/// </summary>
public sealed class TlsTests
{
    [Fact]
    public async Task Https_ServesBothVersionsFromThePair()
    {
        var certificate = TestCertificate.Create();
        await using var pair = await GatewayPair.StartAsync(options => options.Certificate = certificate);
        Assert.Equal("https", pair.Gateway.Address.Scheme);
        Assert.Equal(certificate.Thumbprint, await ThumbprintAsync(pair));

        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new StringContent("""{"model":"m","stream":true}"""),
            };
            using var response = await pair.Gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

            Assert.Equal(version, response.Version);
            Assert.Equal("[DONE]", SseEvents.Parse(text)[^1].Data);
            Assert.Equal("HTTP/1.1", pair.Upstream.Requests.Last.Protocol);
        }
    }

    [Theory]
    [InlineData("/v1/models?q=\u00C3\u00A9|%zz", "/api/v1/models?q=%C3%A9|%zz")]
    [InlineData("/v1/models?\u00E9", "/api/v1/models?%E9")]
    [InlineData("/v1/models?q=%C3%A9", "/api/v1/models?q=%C3%A9")]
    [InlineData("/v1/models/\u00C3\u00A9", null)]
    [InlineData("/v1/models/%41\u00C3\u00A9", null)]
    public async Task Http2TargetWithBytesOutsideOfAscii_IsEscapedInTheQueryAndA404InThePath(string target, string? arrived)
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Certificate = TestCertificate.Create());

        var (status, body) = await RawHttp2Client.GetAsync(pair.Gateway.Address, target);

        Assert.True(status == (arrived is null ? 404 : 200), $"{status} {body}");
        Assert.Equal(arrived is null ? [] : [arrived], pair.Upstream.Requests.All.Select(request => request.Target));
    }

    [Theory]
    [InlineData("/v1/models?q=\u00C3\u00A9")]
    [InlineData("/v1/models/\u00C3\u00A9")]
    public async Task Http1TargetWithBytesOutsideOfAscii_IsA400(string target)
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Certificate = TestCertificate.Create());

        var call = await pair.GetAsync(target);

        Assert.Equal(400, call.Status);
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task Http2Client_ThatLeavesAbortsUpstream()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Certificate = TestCertificate.Create());
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent("""{"model":"m","stream":true}"""),
        };
        request.Headers.Add("x-fake-stall-after", "2");
        using var response = await pair.Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
        var received = await pair.Upstream.Requests.WaitForAsync(candidate => candidate.EventsWritten == 2);
        response.Dispose();
        await received.WaitForEndAsync();

        Assert.Equal(FakeOpenRouter.ReceivedEnd.ClientAborted, received.End);
    }

    [Fact]
    public async Task Http2_UpstreamThatDiesIsNoCleanEnd()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.Certificate = TestCertificate.Create());
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent("""{"model":"m","stream":true}"""),
        };
        request.Headers.Add("x-fake-cut-after", "2");

        // The reset may come before the client has taken the head.
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using var response = await pair.Gateway.Client.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        });
    }

    [Theory]
    [InlineData("key first")]
    [InlineData("certificate first")]
    [InlineData("by rename")]
    public async Task RenewedFiles_ArePickedUpWithoutARestart(string how)
    {
        var first = TestCertificate.Create();
        var second = TestCertificate.Create();
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Certificate = first;

            // Its log shows that the half-renewed pair was seen.
            options.HasLog = how == "certificate first";
        });
        await using var open = await pair.Gateway.ConnectAsync();
        await open.GetAsync("/v1/models");
        await open.ReadAsync();

        var folder = pair.Gateway.Folder;
        switch (how)
        {
            case "key first":
                second.WriteTo(folder);
                break;
            case "certificate first":
                folder.Write("cert.pem", second.CertificatePem);
                await pair.Gateway.Log.WaitForAsync(NamesTheCertificate, "the certificate's path");
                folder.Write("key.pem", second.KeyPem);
                break;
            default:
                File.Move(folder.Write("key.new", second.KeyPem), folder.File("key.pem"), overwrite: true);
                File.Move(folder.Write("cert.new", second.CertificatePem), folder.File("cert.pem"), overwrite: true);
                break;
        }

        await Eventually.TrueAsync(
            async () => await ThumbprintAsync(pair) == second.Thumbprint, "the renewed certificate");
        await open.GetAsync("/v1/models");
        Assert.Equal(200, (await open.ReadHeadAsync()).Status);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("mismatch")]
    [InlineData("deleted")]
    [InlineData("pipe")]
    public async Task BadPair_KeepsTheOldOne(string how)
    {
        var first = TestCertificate.Create();
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Certificate = first;
            options.HasLog = true;
        });
        var folder = pair.Gateway.Folder;
        switch (how)
        {
            case "garbage":
                folder.Write("cert.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
                break;
            case "mismatch":
                folder.Write("cert.pem", TestCertificate.Create().CertificatePem);
                break;
            case "pipe":
                await NamedPipe.ReplaceAsync(folder.File("cert.pem"));
                break;
            default:
                File.Delete(folder.File("cert.pem"));
                break;
        }

        await pair.Gateway.Log.WaitForAsync(NamesTheCertificate, "the certificate's path");

        Assert.Equal(first.Thumbprint, await ThumbprintAsync(pair));
        Assert.Equal(200, (await pair.ChatAsync("m")).Status);
    }

    [Fact]
    public async Task HttpsWithoutFiles_IsAFaultAtStart()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayCommandRun.RunAsync(["--https", "--port", "0"], folder.Path);

        Assert.Equal(2, output.ExitCode);
        Assert.Contains("cert", output.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("key", output.Error, StringComparison.OrdinalIgnoreCase);
    }

    private static bool NamesTheCertificate(string line) =>
        line.Contains("cert.pem", StringComparison.Ordinal) || line.Contains("CertPath", StringComparison.Ordinal);

    private static async Task<string> ThumbprintAsync(GatewayPair pair)
    {
        var thumbprint = "";
        await using var client = await RawHttpClient.ConnectAsync(
            pair.Gateway.Address,
            (_, certificate, _, _) =>
            {
                thumbprint = certificate!.GetCertHashString();
                return certificate is not null;
            });
        return thumbprint;
    }
}
