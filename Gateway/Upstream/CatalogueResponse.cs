using System.Buffers;
using System.Globalization;
using System.Text;
using Gateway.Catalogue;
using Gateway.Errors;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;
using Microsoft.Net.Http.Headers;
using OpenRouterGateway.Transforms.RequestBody;
using Yarp.ReverseProxy.Transforms;

namespace Gateway.Upstream;

/// <summary>
/// Replaces upstream's list of models by the one that a team may see. A list that cannot be read is an error and never passes, since it may
/// contain models that the team may not see.
/// </summary>
internal sealed partial class CatalogueResponse(CatalogueMemory memory, ILogger<CatalogueResponse> logger)
{
    // They describe the bytes of upstream's list.
    private static readonly string[] Describing =
    [
        HeaderNames.ContentEncoding, HeaderNames.ETag, HeaderNames.LastModified, HeaderNames.Expires, HeaderNames.Age, HeaderNames.AcceptRanges,
        HeaderNames.ContentMD5, "Digest", "Content-Digest", "Repr-Digest",
    ];

    /// <summary>Whether a response is a list that is edited.</summary>
    public static bool IsEdited(HttpContext context, GatewayContext request) =>
        request.Caller.IsListEdited && context.Response.StatusCode is >= 200 and < 300;

    /// <summary>Edits a response that has a body. YARP has already copied its headers.</summary>
    public async ValueTask EditAsync(ResponseTransformContext transform, GatewayContext request, HttpResponseMessage response, ICollection<string> encodings)
    {
        var context = transform.HttpContext;
        Describe(context.Response);
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.ContentLength = null;
            return;
        }

        try
        {
            // YARP disposes the edited stream only. This one owns the timers of the response.
            await using var stream = await response.Content.ReadAsStreamAsync(transform.CancellationToken);
            var body = await CatalogueBody.ReadAsync(stream, encodings, memory, request.Team!.Id, transform.CancellationToken);
            context.Response.RegisterForDispose(body);
            var edited = Edit(context.Request, request, body);
            response.Content = new PassedContent(response.Content, edited);
            context.Response.ContentLength = edited.Length;
        }
        catch (CatalogueMemoryException)
        {
            await RefuseAsync(transform, GatewayError.ServerBusy);
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException or HttpRequestException
            && !context.RequestAborted.IsCancellationRequested)
        {
            Log.CatalogueUnreadable(logger, request.Team!.Id, fault.Message, request.RequestId);
            await RefuseAsync(transform, GatewayError.CatalogueUnreadable);
        }
    }

    private static SplicedStream Edit(HttpRequest request, GatewayContext gateway, CatalogueBody body)
    {
        var (team, endpoint) = (gateway.Team!, gateway.Caller.Endpoint!);
        var name = endpoint.ListMember!;
        var document = CatalogueDocument.Read(body.Bytes.Span, name)
            ?? throw new InvalidDataException("it is not one JSON object with an array \"data\"");
        var page = endpoint.CountsModels ? new CataloguePage(0, null) : CataloguePage.Read(request.Query) ?? new CataloguePage(0, null);
        var models = CallableModels.Of(gateway.Snapshot, team, endpoint, request.Path);
        var edit = CatalogueEdit.Create(
            document,
            body.Bytes,
            team,
            models.MayCall,
            addsAliases: name == TeamEndpoint.ModelId && models.IsRewritten,
            page,
            () => page.NextTarget(request));
        if (edit.InsertedBytes > CatalogueBody.MaxSize)
        {
            throw new InvalidDataException($"the aliases of the team add more than {CatalogueBody.MaxSize} bytes");
        }

        body.Take(edit.InsertedBytes);
        if (!endpoint.CountsModels)
        {
            return new SplicedStream(new ReadOnlySequence<byte>(body.Bytes), edit.Edits, static () => { });
        }

        var count = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"data\":{{\"count\":{edit.Count}}}}}"));
        return new SplicedStream(new ReadOnlySequence<byte>(count), [], static () => { });
    }

    private static void Describe(HttpResponse response)
    {
        foreach (var name in Describing)
        {
            response.Headers.Remove(name);
        }

        // Another team's list has the same address.
        response.Headers.CacheControl = "no-store";
    }

    private static async Task RefuseAsync(ResponseTransformContext transform, GatewayError error)
    {
        var context = transform.HttpContext;
        context.Response.Clear();
        await ErrorMiddleware.RefuseAsync(context, error);
        transform.SuppressResponseBody = true;
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.CatalogueUnreadable,
            LogLevel.Warning,
            "The upstream's list of models cannot be edited for team {Team}: {Reason}. Request {RequestId}")]
        public static partial void CatalogueUnreadable(ILogger logger, string team, string reason, string requestId);
    }
}
