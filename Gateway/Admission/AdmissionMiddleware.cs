using Gateway.Billing;
using Gateway.Errors;
using Gateway.Metering;
using Gateway.Observability;
using Gateway.Requests;
using Microsoft.AspNetCore.Http.Features;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Admission;

/// <summary>
/// The Admission phase: sets aside what a team's call may use before upstream sees it, and sees to it that the reservation is settled,
/// once, however the call ends. Calls without a team, and those that cost nothing, pass.
/// </summary>
internal sealed class AdmissionMiddleware
{
    private readonly RequestDelegate _next;
    private readonly AdmissionController _desk;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;

    public AdmissionMiddleware(RequestDelegate next, AdmissionController desk, GatewayMetrics metrics, TimeProvider time)
    {
        _next = next;
        _desk = desk;
        _metrics = metrics;
        _time = time;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var request = GatewayContext.Of(context);
        return request is { Team: not null, Endpoint.IsMetered: true } ? InvokeCoreAsync(context, request) : _next(context);
    }

    private async Task InvokeCoreAsync(HttpContext context, GatewayContext request)
    {
        var decision = await _desk.AdmitAsync(context);
        if (decision is AdmissionDecision.Refused refused)
        {
            await ErrorMiddleware.RefuseAsync(context, refused.Error);
            return;
        }

        var reservation = ((AdmissionDecision.Granted)decision).Reservation;
        request.Reservation = reservation;
        var lifetime = ReadToItsEnd(context);
        var hasFailed = true;
        try
        {
            await _next(context);
            hasFailed = false;
        }
        finally
        {
            if (lifetime is not null)
            {
                context.Features.Set(lifetime);
                if (lifetime.RequestAborted.IsCancellationRequested && request.End == RequestEnd.Completed)
                {
                    request.End = RequestEnd.ClientLeft;
                }
            }

            if (!reservation.IsSettled)
            {
                await SettleAsync(context, request, hasFailed);
            }

            request.Answer?.Dispose();
            Count(context, request, reservation);
        }
    }

    /// <summary>
    /// Lets a call go on whose client leaves, unless it streams: upstream bills it in full anyway (its streaming guide), and only its answer
    /// says how much. Nothing else of the request's life changes; bytes for a client that is gone are dropped by the server.
    /// </summary>
    private static IHttpRequestLifetimeFeature? ReadToItsEnd(HttpContext context)
    {
        if (context.Features.Get<IProviderMappingFeature>() is not { Facts.Streams: false }
            || context.Features.Get<IHttpRequestLifetimeFeature>() is not { } lifetime)
        {
            return null;
        }

        context.Features.Set<IHttpRequestLifetimeFeature>(new DetachedLifetime(lifetime));
        return lifetime;
    }

    private void Count(HttpContext context, GatewayContext request, Reservation reservation)
    {
        if (reservation.SettlementDecision is not { } bill)
        {
            return;
        }

        var facts = reservation.Facts;
        var generation = new MeteredGeneration(
            request.Team!.Id, request.Endpoint!.Path, reservation.SentModel, request.RequestCost?.Cost is not null, facts.Model, facts.Provider);
        _metrics.GenerationEnded(
            generation, reservation.End, request.UpstreamStatus ?? context.Response.StatusCode, _time.GetElapsedTime(request.StartedAt),
            request.Answer?.TimeToFirstToken);
        _metrics.Settled(bill.State);
        if (bill.State == GenerationState.Settled && facts.Usage is { } usage)
        {
            _metrics.GenerationBilled(generation, usage);
        }
    }

    private static ValueTask SettleAsync(HttpContext context, GatewayContext request, bool hasFailed)
    {
        var failure = context.Features.Get<IForwarderErrorFeature>();
        var end = request.End;
        if (end == RequestEnd.Completed)
        {
            end = context.RequestAborted.IsCancellationRequested ? RequestEnd.ClientLeft
                : failure is not null ? ForwardFailure.IsClientGone(failure) ? RequestEnd.ClientLeft
                    : ForwardFailure.Classify(failure, context.Response.StatusCode).End
                : hasFailed ? RequestEnd.Failed
                : RequestEnd.Completed;
        }

        var wasSent = request.WasForwarded && !(failure is not null && ForwardFailure.IsBeforeSending(failure));
        var answer = request.Answer;
        return request.Reservation!.SettleAsync(
            end,
            wasSent,
            request.UpstreamStatus,
            answer?.IsEventStream ?? false,
            answer?.End() ?? ResponseFacts.None,
            answer?.TimeToFirstToken);
    }

    /// <summary>A request that upstream does not see aborted when its client leaves.</summary>
    private sealed class DetachedLifetime(IHttpRequestLifetimeFeature inner) : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; }

        public void Abort() => inner.Abort();
    }
}
