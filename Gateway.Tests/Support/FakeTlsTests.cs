using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using FakeOpenRouter;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The scripted upstream over TLS and HTTP/2, whose stream limit is a setting.</summary>
public sealed class FakeTlsTests
{
    private const string Chat = "/api/v1/chat/completions";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1", "HTTP/1.1")]
    [InlineData("2.0", "HTTP/2")]
    public async Task OwnCertificate_NamesTheAddressAndServesBothVersions(string version, string protocol)
    {
        using var certificate = ServerCertificate.Create(TimeProvider.System.GetUtcNow());
        await using var server = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Certificate = certificate });
        var errors = SslPolicyErrors.None;
        using var client = Client(server.RootUrl, (seen, found) =>
        {
            errors = found;
            return seen.Thumbprint == certificate.Thumbprint;
        });

        using var request = Request(version, ("X-Spelt", "yes"));
        using var response = await client.SendAsync(request, Stop);

        Assert.Equal((HttpStatusCode.OK, protocol), (response.StatusCode, server.Requests.Single.Protocol));
        Assert.StartsWith("https://127.0.0.1:", server.RootUrl, StringComparison.Ordinal);

        // It is self-signed, and nothing else is wrong with it.
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors, errors);
        Assert.Contains(server.Requests.Single.Headers, header => header.Key == (version == "1.1" ? "X-Spelt" : "x-spelt"));
    }

    /// <summary>The second connection shows that the first one had its limit.</summary>
    [Theory]
    [InlineData(100, 1)]
    [InlineData(2, 2)]
    public async Task StreamLimit_IsAnnouncedToTheClient(int limit, int connections)
    {
        using var certificate = ServerCertificate.Create(TimeProvider.System.GetUtcNow());
        await using var server = await FakeOpenRouterServer.StartAsync(
            new FakeOpenRouterOptions { Certificate = certificate, MaxStreams = limit });
        using var client = Client(server.RootUrl, static (_, _) => true);

        // The client knows the limit once it has an answer.
        using (var request = Request("2.0"))
        using (var response = await client.SendAsync(request, Stop))
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        var open = new List<HttpResponseMessage>();
        for (var i = 0; i < 3; i++)
        {
            using var request = Request("2.0", ("x-fake-stream", "1"), ("x-fake-stall-after", "0"));
            open.Add(await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop));
        }

        Assert.Equal(connections, server.Connections.Total);
        open.ForEach(static response => response.Dispose());
    }

    [Fact]
    public async Task Program_TakesAPairAndALimit()
    {
        using var folder = new TempFolder();
        var pair = TestCertificate.Create();
        var (cert, key) = pair.WriteTo(folder);
        await using var program = Start(folder, "--port", "0", "--cert", cert, "--key", key, "--max-streams", "7");
        var address = await program.WaitForAddressAsync(upstream: null);
        string? seen = null;
        using var client = Client(address.AbsoluteUri, (certificate, _) => (seen = certificate.Thumbprint) is not null);

        using var request = Request("2.0");
        using var response = await client.SendAsync(request, Stop);

        Assert.Equal((HttpStatusCode.OK, pair.Thumbprint), (response.StatusCode, seen));
    }

    [Theory]
    [InlineData("\"0\": expected --port N", "--max-streams", "0")]
    [InlineData("--cert missing.pem --key : one needs the other", "--cert", "missing.pem")]
    [InlineData("--cert missing.pem --key missing.pem: Could not find file", "--cert", "missing.pem", "--key", "missing.pem")]
    public async Task FaultyFlag_EndsTheProgram(string fault, params string[] arguments)
    {
        using var folder = new TempFolder();
        await using var program = Start(folder, arguments);

        var output = await program.WaitForExitAsync();

        Assert.Equal(2, output.ExitCode);
        Assert.StartsWith(fault, output.Error, StringComparison.Ordinal);
    }

    /// <summary>The gateway in front of it, as the documentation says: it speaks HTTP/2 by itself.</summary>
    [Fact]
    public async Task GatewayInFrontOfIt_SpeaksHttp2()
    {
        using var certificate = ServerCertificate.Create(TimeProvider.System.GetUtcNow());
        await using var server = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Certificate = certificate });
        await using var gateway = await GatewayHost.StartAsync(options => options.Settings = ShippedSettings.With(
            Destinations.PatientWithHandshakes,
            ("ReverseProxy", Destinations.Section(
                """, "HttpClient": { "DangerousAcceptAnyServerCertificate": true } """, ("a", $$"""{ "Address": "{{server.BaseUrl}}" }""")))));
        await using var client = await gateway.ConnectAsync();

        await client.PostAsync("/v1/chat/completions", """{"model":"openai/gpt-4o","messages":[]}""");

        Assert.Equal(200, (await client.ReadAsync()).Head.Status);
        Assert.Equal("HTTP/2", server.Requests.Single.Protocol);
    }

    private static GatewayProcess Start(TempFolder folder, params string[] arguments) => GatewayProcess.Start(
        arguments, folder.Path, program: Path.Combine(AppContext.BaseDirectory, "FakeOpenRouter.dll"));

    private static HttpRequestMessage Request(string version, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Chat)
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent("""{"model":"openai/gpt-4o","messages":[]}"""),
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return request;
    }

    private static HttpClient Client(string address, Func<X509Certificate2, SslPolicyErrors, bool> accepts) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        EnableMultipleHttp2Connections = true,
        SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, errors) => accepts((X509Certificate2)certificate!, errors) },
    })
    {
        BaseAddress = new Uri(address),
        Timeout = HangGuard.Limit,
    };
}
