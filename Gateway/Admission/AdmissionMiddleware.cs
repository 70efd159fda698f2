using Gateway.Authentication;
using Gateway.Billing;
using Gateway.Errors;
using Gateway.Metering;
using Gateway.Observability;
using Gateway.Pricing;
using Gateway.Requests;
using Gateway.Teams;
using Microsoft.AspNetCore.Http.Features;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Admission;

/// <summary>
/// The Admission phase. Admits a team's metered request as a <see cref="MeteredCall"/>, reports its end to the call and records its
/// metrics. A request that is not metered is only charged to its lease. Every other request passes.
/// </summary>
internal sealed class AdmissionMiddleware
{
    private readonly RequestDelegate _next;
    private readonly AdmissionController _controller;
    private readonly LimitGate _limits;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;

    public AdmissionMiddleware(
        RequestDelegate next, AdmissionController controller, LimitGate limits, GatewayMetrics metrics, TimeProvider time)
    {
        _limits = limits;
        _next = next;
        _controller = controller;
        _metrics = metrics;
        _time = time;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        if (request.Caller.IsMetered)
        {
            return InvokeCoreAsync(context, request);
        }

        if (request.HoldsLease)
        {
            return InvokeUnmeteredAsync(context, request);
        }

        // The Team phase has admitted a request for an earlier call of the team.
        if (!request.HasAdmission)
        {
            request.Admission = default;
        }

        return _next(context);
    }

    private async Task InvokeCoreAsync(HttpContext context, GatewayContext request)
    {
        var mapping = context.Features.Get<IProviderMappingFeature>();
        var decision = await _controller.AdmitAsync(request, mapping);
        request.Admission = new AdmissionRecord(decision.Limits, decision.Call);
        if (decision.Call is null)
        {
            await ErrorMiddleware.RefuseAsync(context, decision.Error!);
            return;
        }

        var isStream = mapping is { Facts.Streams: true } && request.Caller.Endpoint!.MayStream;
        var lifetime = isStream ? null : DetachFromClient(context, request);
        var hasThrown = true;
        try
        {
            await _next(context);
            hasThrown = false;
        }
        finally
        {
            // YARP may see the cut of the shutdown before it is recorded.
            request.IsCutByShutdown();
            if (lifetime is not null)
            {
                context.Features.Set(lifetime.Inner);
            }

            var failure = context.Features.Get<IForwarderErrorFeature>();
            var hasClientLeft = ForwardFailure.HasClientLeft(context, failure);
            if (hasClientLeft && lifetime is not null)
            {
                request.EndAs(RequestEnd.ClientLeft);
            }

            // That of the last attempt; none if its admission was refused.
            if (request.Admission.Call is { } call)
            {
                await using (call)
                {
                    if (failure is not null && (ForwardFailure.IsNotProcessed(failure) || request.Attempts.IsUnread))
                    {
                        call.Unsent();
                    }

                    // Has no effect if the call has already been settled.
                    await call.EndedAsync(CallEnd.Of(request.End, hasClientLeft, failure, context.Response.StatusCode, hasThrown));
                }

                Count(context, request, call, KeyText.Hide(mapping?.Decision.SentModel));
            }
        }
    }

    private async Task InvokeUnmeteredAsync(HttpContext context, GatewayContext request)
    {
        if (await _limits.ChargeAsync(request) is { } refusal)
        {
            await ErrorMiddleware.RefuseAsync(context, refusal);
            return;
        }

        await _next(context);
    }

    /// <summary>
    /// Lets a call that does not stream run to its end when its client disconnects. Upstream bills such a call in full (OpenRouter's
    /// streaming guide), and the response contains the bill. Kestrel discards the bytes for a disconnected client. Only the shutdown ends
    /// such a call early. A body that is not read, such as an upload of audio, does not say that it streams.
    /// </summary>
    private static DetachedLifetime? DetachFromClient(HttpContext context, GatewayContext request)
    {
        if (context.Features.Get<IHttpRequestLifetimeFeature>() is not { } lifetime)
        {
            return null;
        }

        request.ClientLeft = lifetime.RequestAborted;
        var detached = new DetachedLifetime(lifetime) { RequestAborted = request.Cut };
        context.Features.Set<IHttpRequestLifetimeFeature>(detached);
        return detached;
    }

    private void Count(HttpContext context, GatewayContext request, MeteredCall call, string? sentModel)
    {
        if (call.Settlement is not { } settlement)
        {
            return;
        }

        var facts = settlement.Facts;
        var isPriced = request.Body.Cost.Cost is not null;
        var generation = new MeteredGeneration(
            request.Team!.Id,
            request.Caller.Endpoint!.Path,
            isPriced && sentModel is not null ? PriceList.WithoutVariants(sentModel) : sentModel,
            isPriced,
            facts.Model,
            facts.Provider);
        _metrics.GenerationEnded(
            generation,
            settlement.End,
            request.HasUpstream ? request.Upstream.Status : context.Response.StatusCode,
            _time.GetElapsedTime(request.StartedAt),
            call.TimeToFirstToken);
        _metrics.Settled(settlement.Decision.State);
        if (settlement.Bill is { } bill)
        {
            _metrics.GenerationBilled(generation, bill);
        }
    }

    /// <summary>The lifetime of a request that is not aborted when its client disconnects.</summary>
    private sealed class DetachedLifetime(IHttpRequestLifetimeFeature inner) : IHttpRequestLifetimeFeature
    {
        public IHttpRequestLifetimeFeature Inner => inner;

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => inner.Abort();
    }
}
