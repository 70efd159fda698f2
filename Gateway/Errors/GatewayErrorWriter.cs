using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Requests;
using Gateway.Routing;

namespace Gateway.Errors;

/// <summary>Writes error responses and error events in the dialect of a route. No other code writes them.</summary>
internal static class GatewayErrorWriter
{
    // The response is application/json and never rendered as HTML, so quotes need no \u0027.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes an error response in the dialect of the route. Requires that the response has not started.</summary>
    public static async Task WriteAsync(HttpContext context, GatewayError error)
    {
        var response = context.Response;
        GatewayContext.Of(context).Error = (error.Code, error.Message);
        response.StatusCode = error.Status;
        GatewayResponseHeaders.Apply(context);
        response.Headers[GatewayResponseHeaders.Error] = "1";
        if (error.Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        foreach (var (name, value) in error.Headers)
        {
            response.Headers[name] = value;
        }

        var body = RenderBody(DialectOf(context), error);
        response.ContentType = "application/json";
        response.ContentLength = body.WrittenCount;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(body.WrittenMemory);
        }
    }

    /// <summary>The dialect of a request: that of its route if the route is known, or else that of its path.</summary>
    public static ErrorDialect DialectOf(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var path = context.Request.Path;
        return request.HasRoute ? request.Route.Facts.DialectOf(path) : ErrorDialects.Of(path);
    }

    /// <summary>Writes the event that ends a stream after a failure, in the dialect of the route.</summary>
    /// <param name="context">The request.</param>
    /// <param name="body">The body of the response.</param>
    /// <param name="error">The error.</param>
    /// <param name="number">The number of events before this one, which is its number in the Responses API.</param>
    public static ValueTask WriteEventAsync(HttpContext context, Stream body, GatewayError error, long number)
    {
        GatewayContext.Of(context).Error = (error.Code, error.Message);
        return body.WriteAsync(RenderEvent(DialectOf(context), error, number));
    }

    /// <summary>Renders the event that ends a stream after a failure.</summary>
    private static ReadOnlyMemory<byte> RenderEvent(ErrorDialect dialect, GatewayError error, long number)
    {
        var output = new ArrayBufferWriter<byte>();
        if (dialect != ErrorDialect.OpenAi)
        {
            output.Write("event: error\n"u8);
        }

        output.Write("data: "u8);
        if (dialect == ErrorDialect.Responses)
        {
            WriteResponsesEvent(output, error, number);
        }
        else
        {
            output.Write(RenderBody(dialect, error).WrittenSpan);
        }

        output.Write("\n\n"u8);
        return output.WrittenMemory;
    }

    /// <summary>Renders the body of an error response.</summary>
    public static ArrayBufferWriter<byte> RenderBody(ErrorDialect dialect, GatewayError error)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        if (dialect == ErrorDialect.Anthropic)
        {
            json.WriteString("type"u8, "error"u8);
        }

        json.WriteStartObject("error"u8);
        if (dialect == ErrorDialect.Anthropic)
        {
            // Anthropic's API has no server_error.
            json.WriteString("type"u8, error.Type == "server_error" ? "api_error" : error.Type);
            json.WriteString("message"u8, error.Message);
        }
        else
        {
            json.WriteString("message"u8, error.Message);
            json.WriteString("type"u8, error.Type);
            json.WriteString("code"u8, error.Code);
            json.WriteString("param"u8, error.Param);
        }

        error.Metadata?.WriteTo(json);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return output;
    }

    private static void WriteResponsesEvent(ArrayBufferWriter<byte> output, GatewayError error, long number)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteString("code"u8, error.Code);
        json.WriteString("message"u8, error.Message);
        json.WriteString("param"u8, error.Param);
        json.WriteNumber("sequence_number"u8, number);
        json.WriteEndObject();
        json.Flush();
    }
}
