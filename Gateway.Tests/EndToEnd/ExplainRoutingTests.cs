using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>explain</c> finds for a path what the gateway finds, whatever methods the routes of the path take: a route, no route (404), or
/// routes of other methods only (405 with their methods).
/// </summary>
public sealed class ExplainRoutingTests : IClassFixture<ExplainRoutingTests.Fixture>
{
    private static readonly (string Name, string Path, string? Methods)[] Routes =
    [
        ("get", "/methods/get", "GET"),
        ("get-or-head", "/methods/get-or-head", "GET HEAD"),
        ("post", "/methods/post", "POST"),
        ("small", "/methods/small", "post"),
        ("any", "/methods/any", null),
        ("put-of-two", "/methods/two", "PUT"),
        ("delete-of-two", "/methods/two", "DELETE GET"),
        ("post-of-three", "/methods/three", "POST"),
        ("put-of-three", "/methods/three", "PUT"),
        ("under-any", "/methods/below/{**rest}", null),
        ("get-under-any", "/methods/below/get", "GET"),
        ("under-get", "/methods/within/{**rest}", "GET"),
        ("post-under-get", "/methods/within/post", "POST"),
        ("put-of-parameter", "/methods/{one}/parameter", "PUT"),
        ("get-of-literal", "/methods/literal/parameter", "GET"),
    ];

    private readonly GatewayPair _pair;

    public ExplainRoutingTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/methods/get", "GET")]
    [InlineData("/Methods/GET/", "GET")]
    [InlineData("/methods/get-or-head", "GET, HEAD")]
    [InlineData("/methods/post", null)]
    [InlineData("/methods/small", null)]
    [InlineData("/methods/any", null)]
    [InlineData("/methods/two", "DELETE, GET, PUT")]
    [InlineData("/methods/three", null)]
    [InlineData("/methods/below/get", null)]
    [InlineData("/methods/below/x", null)]
    [InlineData("/methods/within/post", null)]
    [InlineData("/methods/within/x", "GET")]
    [InlineData("/methods/within", "GET")]
    [InlineData("/methods/x/parameter", "PUT")]
    [InlineData("/methods/literal/parameter", "GET, PUT")]
    [InlineData("/methods/nothing", "")]
    [InlineData("/methods", "")]
    [InlineData("/", "GET, HEAD")]
    [InlineData("/health", "GET, HEAD")]
    [InlineData("/health/", "GET, HEAD")]
    [InlineData("/health/live", "GET, HEAD")]
    [InlineData("/health/ready", "GET, HEAD")]
    [InlineData("/health/other", "")]
    [InlineData("/methods//get", "")]
    public async Task Path_IsFoundAsTheGatewayFindsIt(string path, string? otherMethods)
    {
        using var admin = await _pair.Gateway.AdminClientAsync();
        using var content = new StringContent($$"""{"model":"m","path":"{{path}}"}""", Encoding.UTF8, "application/json");
        using var explained = await admin.PostAsync("/admin/explain", content, Stop);
        using var json = JsonDocument.Parse(await explained.Content.ReadAsStringAsync(Stop));

        var answer = await _pair.PostAsync(path, """{"model":"m"}""");

        var text = json.RootElement.GetProperty("text").GetString()!;
        if (otherMethods is null)
        {
            Assert.NotNull(answer.Upstream);
            Assert.False(json.RootElement.TryGetProperty("status", out _), text);
            return;
        }

        Assert.Null(answer.Upstream);
        Assert.Equal(otherMethods.Length > 0 ? 405 : 404, answer.Status);
        Assert.Equal(otherMethods, Ordered(answer.Head.Header("Allow")));
        Assert.Equal(answer.Status, json.RootElement.GetProperty("status").GetInt32());
        Assert.Equal(answer.Body.Text, json.RootElement.GetProperty("error").GetRawText());
        if (otherMethods.Length > 0)
        {
            const string Before = "405: This path does not accept this method. It accepts ";
            Assert.StartsWith(Before, text, StringComparison.Ordinal);
            Assert.Equal(otherMethods, Ordered(text[Before.Length..].TrimEnd('.', '\n')));
        }
    }

    private static string Ordered(string? methods) =>
        string.Join(", ", (methods ?? "").Split(", ").Order(StringComparer.Ordinal));

    public sealed class Fixture : IAsyncLifetime
    {
        internal GatewayPair Pair { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Pair = await GatewayPair.StartAsync(options => options.Settings = TeamSetup.WithRoutes(
            ShippedSettings.With(("Admin", """{ "Url": "http://127.0.0.1:0" }""")),
            [.. Routes.Select(static route => (route.Name, Route(route.Path, route.Methods)))]));

        public ValueTask DisposeAsync() => Pair.DisposeAsync();

        private static string Route(string path, string? methods) =>
            $$"""{ "ClusterId": "openrouter", "Match": { {{(methods is null ? "" : $"\"Methods\": [ \"{methods.Replace(" ", "\", \"", StringComparison.Ordinal)}\" ], ")}}"Path": "{{path}}" } }""";
    }
}
