using System.Buffers;
using System.Text.Json;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Observability;
using Gateway.Routing;

namespace Gateway.Health;

/// <summary>The health endpoints. They send no request upstream.</summary>
internal static class HealthEndpoints
{
    // The response of the original program, which scripts search for.
    private const string Greeting = "API 代理服务运行中";

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, ProbePaths.Greeting, static context =>
        {
            context.Response.ContentType = "text/plain; charset=utf-8";
            return WriteAsync(context, System.Text.Encoding.UTF8.GetBytes(Greeting));
        });
        Map(endpoints, ProbePaths.Health, static context => WriteJsonAsync(context, StatusCodes.Status200OK, WriteHealth));
        Map(endpoints, ProbePaths.Live, static context =>
        {
            context.Response.ContentType = "application/json";
            return WriteAsync(context, HealthReport.Live);
        });
        Map(endpoints, ProbePaths.Ready, static context =>
        {
            var state = context.RequestServices.GetRequiredService<Readiness>().State;
            return WriteJsonAsync(
                context,
                state == ReadinessState.Ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
                (json, _) => json.WriteString("status"u8, WordOf(state)));
        });
    }

    private static ReadOnlySpan<byte> WordOf(ReadinessState state) => state switch
    {
        ReadinessState.Ready => "ready"u8,
        ReadinessState.Waiting => "waiting"u8,
        ReadinessState.Stopping => "stopping"u8,
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, null),
    };

    private static void Map(IEndpointRouteBuilder endpoints, string path, RequestDelegate handler) =>
        endpoints.MapMethods(path, ProbePaths.Methods, handler).WithMetadata(ProbeMetadata.Instance);

    /// <summary>
    /// The state without its faults, which name paths and variables. The admin address shows them, see <see cref="HealthReport"/>.
    /// </summary>
    private static void WriteHealth(Utf8JsonWriter json, HttpContext context)
    {
        var state = context.RequestServices.GetRequiredService<SettingsStore>().State;
        HealthReport.WriteSummary(json, state);
        json.WriteBoolean("ready"u8, context.RequestServices.GetRequiredService<Readiness>().IsReady);
    }

    private static Task WriteJsonAsync(HttpContext context, int status, Action<Utf8JsonWriter, HttpContext> write)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            write(json, context);
            json.WriteEndObject();
        }

        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return WriteAsync(context, output.WrittenMemory);
    }

    private static Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body)
    {
        GatewayResponseHeaders.Apply(context);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(body).AsTask();
    }
}
