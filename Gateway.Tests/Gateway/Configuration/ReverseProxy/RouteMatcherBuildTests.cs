using Xunit;

namespace Gateway.Tests.Gateway.Configuration.ReverseProxy;

/// <summary>Promise: a route that ASP.NET's matcher cannot take is a fault of that route, and never a 500 for each request.</summary>
public sealed class RouteMatcherBuildTests : IDisposable
{
    private const string Cluster =
        """ "Clusters": { "openrouter": { "Destinations": { "d": { "Address": "http://127.0.0.1:9/api/v1" } } } } """;

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(""" "Path": "/v1/{**rest}", "Hosts": ["api.example.com:https"] """)]
    [InlineData(""" "Path": "/v1/{id:uuid}" """)]
    [InlineData(""" "Path": "/v1/{a:range(5)}" """)]
    [InlineData(""" "Path": "/v1/{a:regex([)}" """)]
    public async Task RouteThatCannotBeMatched_IsAFaultThatNamesIt(string match)
    {
        _folder.Write("appsettings.json", Settings(match));

        Assert.StartsWith("ReverseProxy:Routes:odd:Match: ", Assert.Single(await _folder.LoadBadAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""" "Path": "/v1/{id:guid}", "Hosts": ["api.example.com:8443", "*.example.com"] """)]
    [InlineData(""" "Path": "/v1/{a:int:min(1)}", "Methods": ["GET"] """)]
    [InlineData(""" "Path": "/v1/{a:regex(^a$)}" """)]
    [InlineData(""" "Hosts": ["api.example.com"] """)]
    public async Task OtherRoutes_Load(string match)
    {
        _folder.Write("appsettings.json", Settings(match));

        await _folder.LoadGoodAsync();
    }

    private static string Settings(string match) => $$"""
        { "ReverseProxy": {
            "Routes": {
              "sound": { "ClusterId": "openrouter", "Match": { "Path": "/{**all}" } },
              "odd": { "ClusterId": "openrouter", "Order": 1, "Match": { {{match}} } } },
            {{Cluster}} } }
        """;
}
