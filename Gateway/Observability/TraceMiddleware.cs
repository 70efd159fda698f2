using System.Diagnostics;
using Gateway.Requests;

namespace Gateway.Observability;

/// <summary>The Trace phase. Records the server span of a request, if traces are exported. Probes have none.</summary>
internal sealed class TraceMiddleware
{
    private readonly RequestDelegate _next;
    private readonly GatewayTraces _traces;

    public TraceMiddleware(RequestDelegate next, GatewayTraces traces)
    {
        _next = next;
        _traces = traces;
    }

    public Task InvokeAsync(HttpContext context) => _traces.IsEnabled ? InvokeCoreAsync(context) : _next(context);

    private async Task InvokeCoreAsync(HttpContext context)
    {
        using var span = _traces.StartRequest(context.Request);
        try
        {
            await _next(context);
        }
        finally
        {
            if (span is not null)
            {
                Describe(span, context);
            }
        }
    }

    private static void Describe(Activity span, HttpContext context)
    {
        if (ProbeMetadata.IsProbe(context))
        {
            // Known only after routing. The exporter takes recorded spans.
            span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            return;
        }

        GatewayTraces.DescribeRequest(span, context, GatewayContext.Of(context));
    }
}
