using Gateway.Catalogue;
using Gateway.Requests;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;

namespace Gateway.Upstream;

/// <summary>
/// Requests a list of models that is edited for its team: the whole list, in an encoding that the gateway decodes. A number of models is
/// counted in the list.
/// </summary>
internal sealed class CatalogueRequest : RequestTransform
{
    private const string Encodings = "gzip, br";

    // The client's copy is of the edited list, about which upstream knows nothing.
    private static readonly string[] Conditions =
    [
        HeaderNames.IfNoneMatch, HeaderNames.IfModifiedSince, HeaderNames.IfMatch, HeaderNames.IfUnmodifiedSince, HeaderNames.IfRange,
        HeaderNames.Range,
    ];

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var gateway = GatewayContext.Of(context.HttpContext);
        if (!gateway.Caller.IsListEdited || context.HttpContext.Response.HasStarted)
        {
            return default;
        }

        foreach (var name in Conditions)
        {
            context.ProxyRequest.Headers.Remove(name);
        }

        context.ProxyRequest.Headers.Remove(HeaderNames.AcceptEncoding);
        context.ProxyRequest.Headers.TryAddWithoutValidation(HeaderNames.AcceptEncoding, Encodings);
        if (gateway.Caller.Endpoint!.CountsModels)
        {
            context.Path = "/models";
        }

        var query = context.HttpContext.Request.Query;
        if (CataloguePage.Read(query) is not null)
        {
            foreach (var name in query.Keys.Where(IsOfPage))
            {
                context.Query.Collection.Remove(name);
            }
        }

        return default;
    }

    private static bool IsOfPage(string name) =>
        name.Equals(CataloguePage.OffsetName, StringComparison.OrdinalIgnoreCase)
        || name.Equals(CataloguePage.LimitName, StringComparison.OrdinalIgnoreCase);
}
