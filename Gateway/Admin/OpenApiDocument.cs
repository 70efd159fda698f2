using System.Buffers;
using System.Reflection;
using System.Text.Json;

namespace Gateway.Admin;

/// <summary>
/// <c>GET /admin/openapi.json</c>: the OpenAPI document of the admin address, generated from the route table and the descriptions that its
/// endpoints carry. An endpoint without a description is no part of the API.
/// </summary>
internal static class OpenApiDocument
{
    private const string ErrorReference = """{"$ref":"#/components/schemas/Error"}""";

    private static readonly JsonWriterOptions Indented = new() { Indented = true };

    /// <summary>Answers with the document.</summary>
    /// <param name="context">The request.</param>
    /// <param name="routes">The endpoints of the admin address.</param>
    public static Task AnswerAsync(HttpContext context, IEnumerable<EndpointDataSource> routes) =>
        AdminResponses.WriteAsync(context, "application/json", Render(routes.SelectMany(static source => source.Endpoints)));

    /// <summary>Renders the document.</summary>
    internal static ReadOnlyMemory<byte> Render(IEnumerable<Endpoint> endpoints)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Indented);
        json.WriteStartObject();
        json.WriteString("openapi"u8, "3.1.1"u8);
        json.WriteStartObject("info"u8);
        json.WriteString("title"u8, "OpenRouterGateway admin API"u8);
        json.WriteString("version"u8, Version);
        json.WriteEndObject();
        json.WriteStartObject("paths"u8);
        foreach (var path in endpoints.OfType<RouteEndpoint>()
            .Where(static endpoint => endpoint.Metadata.GetMetadata<AdminOperation>() is not null)
            .GroupBy(static endpoint => endpoint.RoutePattern.RawText!, StringComparer.Ordinal)
            .OrderBy(static path => path.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject(path.Key);
            foreach (var endpoint in path)
            {
                WriteOperations(json, endpoint);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        WriteComponents(json);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    private static string Version =>
        typeof(OpenApiDocument).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    private static void WriteOperations(Utf8JsonWriter json, RouteEndpoint endpoint)
    {
        var operation = endpoint.Metadata.GetRequiredMetadata<AdminOperation>();

        // A HEAD is the GET without its body.
        foreach (var method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods.Where(static method => !HttpMethods.IsHead(method)))
        {
            json.WriteStartObject(method.ToLowerInvariant());
            json.WriteString("operationId"u8, operation.Id);
            json.WriteString("summary"u8, operation.Summary);
            if (operation.IsOpen)
            {
                json.WriteStartArray("security"u8);
                json.WriteEndArray();
            }

            WriteParameters(json, operation.Parameters);
            if (operation.BodySchema is { } body)
            {
                json.WriteStartObject("requestBody"u8);
                json.WriteBoolean("required"u8, true);
                WriteContent(json, [("application/json", () => body)]);
                json.WriteEndObject();
            }

            json.WriteStartObject("responses"u8);
            WriteResponse(json, "200", "The answer.", operation.Answers);
            WriteResponse(json, "default", "An error.", [("application/json", static () => ErrorReference)]);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    private static void WriteParameters(Utf8JsonWriter json, IReadOnlyList<AdminParameter> parameters)
    {
        if (parameters.Count == 0)
        {
            return;
        }

        json.WriteStartArray("parameters"u8);
        foreach (var parameter in parameters)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, parameter.Name);
            json.WriteString("in"u8, parameter.IsInPath ? "path"u8 : "query"u8);
            json.WriteBoolean("required"u8, parameter.IsInPath);
            json.WriteString("description"u8, parameter.Description);
            json.WritePropertyName("schema"u8);
            if (parameter.IsRepeatable)
            {
                json.WriteStartObject();
                json.WriteString("type"u8, "array"u8);
                json.WritePropertyName("items"u8);
                json.WriteRawValue(parameter.Schema);
                json.WriteEndObject();
            }
            else
            {
                json.WriteRawValue(parameter.Schema);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteResponse(
        Utf8JsonWriter json, string status, string description, IReadOnlyList<(string MediaType, Func<string> Schema)> answers)
    {
        json.WriteStartObject(status);
        json.WriteString("description"u8, description);
        WriteContent(json, answers);
        json.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter json, IReadOnlyList<(string MediaType, Func<string> Schema)> contents)
    {
        json.WriteStartObject("content"u8);
        foreach (var (mediaType, schema) in contents)
        {
            json.WriteStartObject(mediaType);
            json.WritePropertyName("schema"u8);
            json.WriteRawValue(schema());
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteComponents(Utf8JsonWriter json)
    {
        json.WriteStartArray("security"u8);
        json.WriteStartObject();
        json.WriteStartArray("token"u8);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("components"u8);
        json.WriteStartObject("securitySchemes"u8);
        json.WriteStartObject("token"u8);
        json.WriteString("type"u8, "http"u8);
        json.WriteString("scheme"u8, "bearer"u8);
        json.WriteString("description"u8, "The token of Admin:Token. Without one, the address answers requests of its own machine."u8);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("schemas"u8);
        json.WritePropertyName("Error"u8);
        json.WriteRawValue(AdminSchemas.Error);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
