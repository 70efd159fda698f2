using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Writes a rejection in the shape of OpenAI's errors: the default of <c>OnRejected</c>.</summary>
internal static class RejectionWriter
{
    public static async Task WriteAsync(HttpContext context, RequestRejection rejection)
    {
        context.Response.StatusCode = rejection.Status;
        context.Response.ContentType = "application/json";
        if (rejection.RetryAfter is { } delay)
        {
            context.Response.Headers.RetryAfter = ((long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        await using var writer = new Utf8JsonWriter(context.Response.BodyWriter);
        writer.WriteStartObject();
        writer.WriteStartObject("error"u8);
        writer.WriteString("message"u8, rejection.Message);
        writer.WriteString("type"u8, rejection.Status >= 500 ? "server_error"u8 : "invalid_request_error"u8);
        writer.WriteString("code"u8, rejection.Code);
        writer.WriteString("param"u8, rejection.Param);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
