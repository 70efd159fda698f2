using System.Buffers;
using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>Responses of the catalogue and account endpoints. Any other request is described in its response.</summary>
internal static class OtherAnswers
{
    public static byte[] Render(HttpContext context, BillingBook book, ModelCatalogue catalogue, ReceivedRequest? record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            Write(json, context, book, catalogue, record);
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(
        Utf8JsonWriter json, HttpContext context, BillingBook book, ModelCatalogue catalogue, ReceivedRequest? record)
    {
        var path = context.Request.Path.Value!;
        var get = context.Request.Method == HttpMethods.Get;
        switch (path)
        {
            case RequestHandler.BasePath + "/models" when get:
                SetStatus(context, catalogue.WriteAll(json, context.Request.Query["output_modalities"] == "all" ? null : "text"));
                return;
            case RequestHandler.BasePath + "/embeddings/models" when get:
                SetStatus(context, catalogue.WriteAll(json, "embeddings"));
                return;
            case RequestHandler.BasePath + "/providers" when get:
                WriteProviders(json);
                return;
            case RequestHandler.BasePath + "/key" when get:
                var usage = Pico.Plain(book.UsageOf(context.Request));
                json.WriteRawValue($$$"""{"data":{"label":"fake","limit":null,"limit_remaining":null,"usage":{{{usage}}},"is_free_tier":false}}""");
                return;
            case RequestHandler.BasePath + "/credits" when get:
                json.WriteRawValue("""{"data":{"total_credits":100,"total_usage":1.5}}""");
                return;
            case RequestHandler.BasePath + "/generation" when get:
                SetStatus(context, book.WriteGeneration(json, context.Request));
                return;
        }

        const string Models = RequestHandler.BasePath + "/models/";
        const string Endpoints = "/endpoints";
        if (get && path.StartsWith(Models, StringComparison.Ordinal) && path.EndsWith(Endpoints, StringComparison.Ordinal))
        {
            if (!catalogue.TryWriteEndpoints(json, path[Models.Length..^Endpoints.Length]))
            {
                WriteNotFound(json, context);
            }
        }
        else if (path.StartsWith(RequestHandler.BasePath + "/", StringComparison.Ordinal)
            || path.StartsWith("/api/beta/", StringComparison.Ordinal)
            || path.StartsWith("/api/alpha/", StringComparison.Ordinal))
        {
            WriteReceived(json, context, record);
        }
        else
        {
            WriteNotFound(json, context);
        }
    }

    private static void WriteReceived(Utf8JsonWriter json, HttpContext context, ReceivedRequest? record)
    {
        json.WriteStartObject();
        json.WriteString("method", context.Request.Method);
        json.WriteString("path", context.Request.Path.Value);
        json.WriteString("query", context.Request.QueryString.Value);
        json.WriteString("content_type", context.Request.ContentType);
        json.WriteNumber("length", record?.BodyLength ?? 0);
        json.WriteString("sha256", record?.BodySha256);
        json.WriteEndObject();
    }

    private static void WriteProviders(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var (name, slug) in (ReadOnlySpan<(string, string)>)
            [
                ("Anthropic", "anthropic"), ("OpenAI", "openai"), ("Azure", "azure"), ("Google", "google-vertex"), ("Mistral", "mistral"),
                ("DeepInfra", "deepinfra"), ("Together", "together"), ("Amazon Bedrock", "amazon-bedrock"),
            ])
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("slug", slug);
            json.WriteNull("privacy_policy_url");
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // A scripted status is kept.
    private static void SetStatus(HttpContext context, int status)
    {
        if (status != StatusCodes.Status200OK)
        {
            context.Response.StatusCode = status;
        }
    }

    private static void WriteNotFound(Utf8JsonWriter json, HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        json.WriteRawValue("""{"error":{"code":404,"message":"Not Found"}}""");
    }
}
