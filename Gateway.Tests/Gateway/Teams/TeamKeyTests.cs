using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Gateway.Teams;

/// <summary>Promise: a request is limited by each limit of its team and of its key.</summary>
public sealed class TeamKeyTests
{
    [Theory]
    [InlineData("", "", "")]
    [InlineData("requests", "", "team:t 7//")]
    [InlineData("tokens", "", "team:t /7/")]
    [InlineData("concurrency", "", "team:t //7")]
    [InlineData("", "requests", "key:t/k 7//")]
    [InlineData("tokens", "concurrency", "team:t /7/, key:t/k //7")]
    public void Scopes_AreThoseOfTheTeamAndTheKeyThatHaveALimit(string ofTeam, string ofKey, string expected)
    {
        var key = new TeamKey { Label = "k", Hash = default, Limits = Limits(ofKey) };
        var team = new Team
        {
            Id = "t",
            Keys = [key],
            UpstreamKey = new UpstreamKey("sk"),
            Rights = ModelRights.All,
            Limits = Limits(ofTeam),
            Rules = ProviderMappingRules.Empty,
        };

        var scopes = key.ScopesIn(team);

        Assert.Equal(expected, string.Join(", ", scopes.Select(
            scope => $"{scope.Holder} {scope.RequestsPerMinute}/{scope.TokensPerMinute}/{scope.ConcurrentRequests}")));
        Assert.Same(scopes, key.ScopesIn(team));
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData("r", null, false)]
    [InlineData(null, "t", false)]
    [InlineData("r", "t", false)]
    public void Attribution_IsNoneWithoutAnyHeader(string? referer, string? title, bool isNone) =>
        Assert.Equal(isNone, new Attribution(referer, title).IsNone);

    private static TeamLimits Limits(string kind) => new(
        kind == "requests" ? 7 : null, kind == "tokens" ? 7 : null, kind == "concurrency" ? 7 : null);
}
