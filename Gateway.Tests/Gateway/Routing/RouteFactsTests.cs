using Gateway.Routing;
using Gateway.Teams;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Tests.Gateway.Routing;

/// <summary>Promise: the compiled facts of a route equal, for every path, the facts that are computed from the path itself.</summary>
public sealed class RouteFactsTests
{
    [Theory]
    [InlineData("/v1/messages", "/v1/messages")]
    [InlineData("/v1/messages", "/V1/Messages/")]
    [InlineData("/v1/responses", "/v1/responses")]
    [InlineData("/v1/chat/completions", "/v1/chat/completions")]
    [InlineData("/v1/{**rest}", "/v1/messages")]
    [InlineData("/v1/{**rest}", "/v1/videos/gen-1")]
    [InlineData("/v1/videos/gen-1", "/v1/videos/gen-1")]
    [InlineData("/{**rest}", "/v1/unknown")]
    [InlineData(null, "/v1/embeddings")]
    public void Facts_AreThoseOfThePath(string? pattern, string path)
    {
        var route = Route(pattern, "PathRemovePrefix=/v1");

        var facts = RouteFacts.Of(route);
        var target = facts.TargetOf(path);

        Assert.Same(facts, RouteFacts.Of(route));
        Assert.Equal(ErrorDialects.Of(path), facts.DialectOf(path));
        Assert.Equal(path[3..], target.UpstreamPath.Value);
        Assert.Same(TeamEndpoints.Find(path.AsSpan(3), out var id), target.Endpoint);
        Assert.Equal(id, target.CallId);
        Assert.False(facts.IsRewritten);
    }

    [Theory]
    [InlineData("/anthropic", "PathSet=/messages", "/anthropic", "/messages")]
    [InlineData("/x/messages", "PathSet=/chat/completions", "/x/messages", "/chat/completions")]
    [InlineData("/{**rest}", "PathSet=/responses", "/any", "/responses")]
    public void Dialect_IsThatOfTheEndpoint(string pattern, string transform, string path, string endpoint) =>
        Assert.Equal(ErrorDialects.Of(endpoint), RouteFacts.Of(Route(pattern, transform)).DialectOf(path));

    [Fact]
    public void RewrittenRoute_IsKnownAsOne() =>
        Assert.True(RouteFacts.Of(Route("/v1/chat/completions", "ProviderMapping=Default")).IsRewritten);

    [Fact]
    public void PathThatCannotBePredicted_HasNoTarget() =>
        Assert.Equal(default, RouteFacts.Of(Route("/v1/models", "PathPattern=/models")).TargetOf("/v1/models"));

    private static RouteConfig Route(string? pattern, string transform)
    {
        var pair = transform.Split('=');
        return new RouteConfig
        {
            RouteId = "r",
            Match = new RouteMatch { Path = pattern },
            Transforms = [new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { [pair[0]] = pair[1] }],
        };
    }
}
