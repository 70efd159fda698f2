using System.Buffers;
using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>The catalogue and account endpoints; whatever else is asked for is described back to the caller.</summary>
internal static class OtherAnswers
{
    public static byte[] Render(HttpContext context, RequestLog requests, ReceivedRequest? record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            Write(json, context, requests, record);
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, HttpContext context, RequestLog requests, ReceivedRequest? record)
    {
        var path = context.Request.Path.Value!;
        var get = context.Request.Method == HttpMethods.Get;
        switch (path)
        {
            case RequestHandler.BasePath + "/models" when get:
                ModelCatalogue.WriteAll(json);
                return;
            case RequestHandler.BasePath + "/providers" when get:
                WriteProviders(json);
                return;
            case RequestHandler.BasePath + "/key" when get:
                json.WriteRawValue("""{"data":{"label":"fake","limit":null,"limit_remaining":null,"usage":0,"is_free_tier":false}}""");
                return;
            case RequestHandler.BasePath + "/credits" when get:
                json.WriteRawValue("""{"data":{"total_credits":100,"total_usage":1.5}}""");
                return;
            case RequestHandler.BasePath + "/generation" when get:
                WriteGeneration(json, context, requests);
                return;
        }

        const string Models = RequestHandler.BasePath + "/models/";
        const string Endpoints = "/endpoints";
        if (get && path.StartsWith(Models, StringComparison.Ordinal) && path.EndsWith(Endpoints, StringComparison.Ordinal))
        {
            if (!ModelCatalogue.TryWriteEndpoints(json, path[Models.Length..^Endpoints.Length]))
            {
                WriteNotFound(json, context);
            }
        }
        else if (path.StartsWith(RequestHandler.BasePath + "/", StringComparison.Ordinal)
            || path.StartsWith("/api/beta/", StringComparison.Ordinal))
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

    private static void WriteGeneration(Utf8JsonWriter json, HttpContext context, RequestLog requests)
    {
        var id = context.Request.Query["id"].ToString();
        if (requests.All.LastOrDefault(request => request.GenerationId == id) is not { Usage: { } usage } generation)
        {
            WriteNotFound(json, context);
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("data");
        json.WriteString("id", id);
        json.WriteNumber("total_cost", usage.Cost);
        json.WriteNumber("usage", usage.Cost);
        json.WriteNumber("tokens_prompt", usage.PromptTokens);
        json.WriteNumber("tokens_completion", usage.CompletionTokens);
        json.WriteNumber("native_tokens_prompt", usage.PromptTokens);
        json.WriteNumber("native_tokens_completion", usage.CompletionTokens);
        json.WriteBoolean("cancelled", generation.End is ReceivedEnd.ClientAborted);
        json.WriteBoolean("streamed", generation.EventsWritten > 0);
        json.WriteString("finish_reason", "stop");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteNotFound(Utf8JsonWriter json, HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        json.WriteRawValue("""{"error":{"code":404,"message":"Not Found"}}""");
    }
}
