using System.Net.Http.Headers;
using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Requests;

namespace Gateway.Attempts;

/// <summary>
/// Drops a response that costs nothing, a 429, a 5xx or a failure of the CDN, if another destination can be asked instead. Nothing of it has
/// reached the client.
/// </summary>
internal static class ResponseDropping
{
    /// <summary>The size from which a body is not looked into.</summary>
    private const int LargestBody = 64 * 1024;

    /// <summary>Whether a response with a status may be dropped, so that its body is worth a look.</summary>
    public static bool MayDrop(HttpContext context, GatewayContext request, int status) =>
        status is StatusCodes.Status429TooManyRequests or >= 500
        && request.Attempts.HasMore
        && !context.Response.HasStarted
        && NextDestinations.Untried(context, request.Attempts).Count > 0;

    /// <summary>Drops the response if it costs nothing and the request can be sent again. Otherwise it is left complete.</summary>
    /// <param name="context">The request.</param>
    /// <param name="request">The gateway's context of the request.</param>
    /// <param name="response">The response.</param>
    /// <param name="isEventStream">Whether the body is events.</param>
    /// <param name="headers">The headers of its content.</param>
    /// <param name="body">The body, or its beginning; <see langword="null"/> if it is neither JSON nor events.</param>
    /// <returns>Whether it is dropped.</returns>
    public static async ValueTask<bool> TryDropAsync(
        HttpContext context,
        GatewayContext request,
        HttpResponseMessage response,
        bool isEventStream,
        HttpContentHeaders headers,
        ReadOnlyMemory<byte>? body)
    {
        var attempts = request.Attempts;
        var next = NextDestinations.Untried(context, attempts);
        if (!IsFree(response, isEventStream, body, headers.ContentEncoding) || next.Count == 0
            || attempts.IsBodyBeingUsedUp || !attempts.TryTakeBodyBack())
        {
            return false;
        }

        attempts.DroppedFor = next;
        if (request.Admission.Call is { } call)
        {
            // The limits count requests: the next attempt takes over the lease.
            if (call.DetachLease() is { } lease)
            {
                request.HoldLease(lease);
            }

            call.Dropped();
            var observer = call.Answered(
                (int)response.StatusCode, isEventStream, request.Caller.Endpoint!.OrdersAJob, headers);
            if (body is { } bytes)
            {
                await observer.ObserveAsync(bytes);
            }
        }

        return true;
    }

    /// <summary>Whether the response settles a call at nothing, at once.</summary>
    private static bool IsFree(
        HttpResponseMessage response, bool isEventStream, ReadOnlyMemory<byte>? body, ICollection<string> encodings)
    {
        var facts = ResponseFacts.None;
        var isErrorOnly = false;
        if (body is { Length: < LargestBody } bytes)
        {
            using var reader = ResponseReaders.Create(isEventStream, encodings);
            reader.Read(bytes.Span);
            reader.End();
            facts = reader.Facts;
            isErrorOnly = ResponseReaders.IsErrorOnly(reader);
        }

        var outcome = new CallOutcome
        {
            WasSent = true,
            Status = (int)response.StatusCode,
            IsNamed = GenerationIdHeader.Of(response) is not null || GenerationIdHeader.IsGeneration(facts.Id),
            IsErrorOnly = isErrorOnly,
            Facts = facts,
        };

        // Any reservation, so that "free" and "unknown" differ.
        var decision = SettlementDecision.Of(new PicoDollars(1), includesByok: true, outcome);
        return decision is { State: GenerationState.Settled } && decision.Charge == PicoDollars.Zero;
    }
}
