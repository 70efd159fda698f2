using Gateway.Errors;
using Gateway.Requests;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;

namespace Gateway.Catalogue;

/// <summary>
/// The Catalogue phase. Refuses a team's request for the page of a model that it may not use, and for a feed of models, which cannot be
/// reduced to the team's models. Every other request passes; <c>Upstream</c> edits the lists of models.
/// </summary>
internal sealed class CatalogueMiddleware(RequestDelegate next)
{
    // OpenRouter's parameters for RSS: use_rss and use_rss_chat_links.
    private const string Feed = "use_rss";

    public Task InvokeAsync(HttpContext context)
    {
        var caller = GatewayContext.Of(context).Caller;
        return caller is { Team: { } team, Endpoint: { Kind: TeamEndpointKind.Catalogue } endpoint } && Refuse(context, caller, team, endpoint) is { } error
            ? ErrorMiddleware.RefuseAsync(context, error)
            : next(context);
    }

    private static GatewayError? Refuse(HttpContext context, in CallerRecord caller, Team team, TeamEndpoint endpoint)
    {
        if (caller.IsListEdited)
        {
            return context.Request.Query.Any(IsFeed) ? GatewayError.EndpointNotAllowed : null;
        }

        // Upstream's page of the name, even if an alias gives the name another model in a call.
        return endpoint.ModelOf(caller.UpstreamPath) is { } model && team.Rights.Refuse([model], []) is { } refused
            ? GatewayError.ModelNotAllowed(refused, team.Id, team.HasKeyRights)
            : null;
    }

    /// <summary>
    /// Whether a parameter asks for a feed. Only the two plain spellings of "no" count as none: a feed that passes unreduced would show models
    /// of others.
    /// </summary>
    private static bool IsFeed(KeyValuePair<string, StringValues> parameter) =>
        parameter.Key.StartsWith(Feed, StringComparison.OrdinalIgnoreCase) && parameter.Value.Any(static value => value is not ("false" or "0"));
}
