using Gateway.Routing;
using Gateway.Teams;

namespace Gateway.Authentication;

/// <summary>Decides whether an endpoint is open to a team. Pure: the Team phase and <c>explain</c> run the same code.</summary>
internal static class EndpointGate
{
    /// <summary>Finds the endpoint of a request.</summary>
    /// <param name="team">The calling team.</param>
    /// <param name="route">The route that the request has matched.</param>
    /// <param name="method">The request's method.</param>
    /// <param name="path">The request's path.</param>
    /// <returns>The target with its endpoint; the default if the endpoint is closed to the team.</returns>
    public static RouteTarget Judge(Team team, RouteFacts route, string method, PathString path)
    {
        var target = route.TargetOf(path);
        return target.Endpoint is { } endpoint
            && endpoint.Takes(method)
            && (!endpoint.NeedsBudget || team.HasBudget)
            && (!endpoint.IsMetered || !IsJudgedByItsBody(team) || route.IsRewritten)
            ? target
            : default;
    }

    /// <summary>The limits under which a request is counted: those of tokens for metered calls only.</summary>
    public static IReadOnlyList<LimitScope> ScopesOf(TeamEndpoint endpoint, CallerIdentity caller) =>
        endpoint.IsMetered ? caller.Key.ScopesIn(caller.Team) : caller.Key.RequestScopesIn(caller.Team);

    /// <summary>Whether the rights or the budget of a team depend on the model or the size of a request.</summary>
    private static bool IsJudgedByItsBody(Team team) => !team.Rights.IsUnlimited || team.HasBudget;
}
