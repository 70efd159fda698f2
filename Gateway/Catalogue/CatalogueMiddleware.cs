using Gateway.Errors;
using Gateway.Requests;
using Gateway.Teams;

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
            return context.Request.Query.Keys.Any(static name => name.StartsWith(Feed, StringComparison.OrdinalIgnoreCase))
                ? GatewayError.EndpointNotAllowed
                : null;
        }

        // Upstream's page of the name, whatever an alias makes of it in a call.
        return endpoint.ModelOf(caller.UpstreamPath) is { } model && team.Rights.Refuse([model], []) is { } refused
            ? GatewayError.ModelNotAllowed(refused, team.Id, team.HasKeyRights)
            : null;
    }
}
