using System.Globalization;
using Gateway.Admission;
using Gateway.Errors;
using Gateway.Observability;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Attempts;

/// <summary>
/// The Attempts phase. Runs YARP's load balancing, passive health check and forwarder, and runs them again as long as the client has seen
/// nothing and is still connected, and the attempt has surely cost nothing: upstream has not processed it, or its response was dropped for
/// another destination (<see cref="ResponseDropping"/>). Each attempt is a metered call of its own.
/// </summary>
internal sealed class AttemptMiddleware
{
    private readonly RequestDelegate _next;
    private readonly AdmissionController _admission;
    private readonly GatewayMetrics _metrics;
    private readonly GatewayTraces _traces;
    private readonly TimeProvider _time;
    private readonly ILogger<AttemptMiddleware> _logger;

    public AttemptMiddleware(
        RequestDelegate next,
        AdmissionController admission,
        GatewayMetrics metrics,
        GatewayTraces traces,
        TimeProvider time,
        ILogger<AttemptMiddleware> logger)
    {
        _logger = logger;
        _next = next;
        _admission = admission;
        _metrics = metrics;
        _traces = traces;
        _time = time;
    }

    public async Task InvokeAsync(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        var settings = request.Snapshot.Settings.Upstream;
        var mapping = context.Features.Get<IProviderMappingFeature>();
        var body = mapping as ProviderMappingFeature;
        if (body is not null && settings.MaxAttempts > 1 && body.SentLength <= settings.MaxRetriedBodySize)
        {
            body.IsKept = true;
        }

        var attempts = request.Attempts = new RequestAttempts(settings.MaxAttempts, body, _time, request.ClientLeft);
        do
        {
            attempts.Begin();
            await (_traces.IsEnabled ? TraceAsync(context, attempts) : _next(context));
            if (_logger.IsEnabled(LogLevel.Debug))
            {
                PhaseLog.AttemptEnded(_logger, attempts.Count, OutcomeOf(context, attempts), request.RequestId);
            }
        }
        while (FindNext(context, request, attempts) is { } next && await TryPrepareAsync(context, request, mapping, next));
    }

    /// <summary>Runs an attempt within its client span.</summary>
    private async Task TraceAsync(HttpContext context, RequestAttempts attempts)
    {
        using var span = _traces.StartAttempt(context.Request);
        var number = attempts.Count;
        try
        {
            await _next(context);
        }
        finally
        {
            if (span is not null)
            {
                GatewayTraces.DescribeAttempt(span, context, attempts, number);
            }
        }
    }

    /// <summary>Decides whether there is another attempt.</summary>
    /// <returns>Its destinations; <see langword="null"/> if the request is over.</returns>
    private static IReadOnlyList<DestinationState>? FindNext(HttpContext context, GatewayContext request, RequestAttempts attempts)
    {
        if (attempts.DroppedFor is not null)
        {
            if (!HasClientLeft(context, request))
            {
                return attempts.DroppedFor;
            }

            // The client has left: neither the dropped response nor another one has a reader.
            context.Response.Clear();
            ErrorMiddleware.EndWithoutClient(context);
            context.Abort();
            return null;
        }

        return context.Features.Get<IForwarderErrorFeature>() is { } failure
            && ForwardFailure.Reason(failure) != Unprocessed.No
            && attempts.UpstreamStatus is null
            && attempts.HasMore
            && !context.Response.HasStarted
            && !HasClientLeft(context, request)
            && NextOf(context, attempts) is { Count: > 0 } next
            && attempts.TryTakeBodyBack()
                ? next
                : null;
    }

    private static string OutcomeOf(HttpContext context, RequestAttempts attempts)
    {
        var status = attempts.UpstreamStatus is { } upstreams ? string.Create(CultureInfo.InvariantCulture, $"status {upstreams}") : "no response";
        return context.Features.Get<IForwarderErrorFeature>() is { } failure ? $"{status}, {failure.Error}: {FailureReason.Of(failure)}"
            : attempts.DroppedFor is not null ? $"{status}, dropped for another destination"
            : status;
    }

    private static IReadOnlyList<DestinationState> NextOf(HttpContext context, RequestAttempts attempts) =>
        NextDestinations.Untried(context, attempts) is { Count: > 0 } untried ? untried
        : attempts.IsInTime ? NextDestinations.Available(context)
        : [];

    private static bool HasClientLeft(HttpContext context, GatewayContext request) =>
        context.RequestAborted.IsCancellationRequested || request.ClientLeft.IsCancellationRequested;

    /// <summary>Admits the next attempt and restores the state that the forwarder expects of a request that it has not seen.</summary>
    /// <returns>Whether it is admitted. If not, the refusal is the response.</returns>
    private async ValueTask<bool> TryPrepareAsync(
        HttpContext context, GatewayContext request, IProviderMappingFeature? mapping, IReadOnlyList<DestinationState> next)
    {
        var failure = context.Features.Get<IForwarderErrorFeature>();
        var proxy = context.GetReverseProxyFeature();
        if (proxy.ProxiedDestination is { } tried)
        {
            request.Attempts.NoteTried(tried);
            _metrics.AttemptRepeated(
                tried.DestinationId, failure is null ? Unprocessed.No : ForwardFailure.Reason(failure), context.Response.StatusCode);
        }

        context.Response.Clear();
        context.Features.Set<IForwarderErrorFeature>(null);
        if (request.Admission.Call is not null
            && await _admission.ReadmitAsync(request, mapping, isUnsent: failure is not null) is { } refusal)
        {
            await ErrorMiddleware.RefuseAsync(context, refusal);
            return false;
        }

        proxy.AvailableDestinations = next;
        return true;
    }
}
