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
    /// <summary>The prefix of OpenRouter's generation ids.</summary>
    private const string IdPrefix = "gen-";

    /// <summary>The largest body that is read for the decision.</summary>
    private const int LargestBody = 64 * 1024;

    /// <summary>Whether a response with a status may be dropped, so that its body is worth a look.</summary>
    public static bool MayDrop(HttpContext context, GatewayContext request, int status) =>
        status is StatusCodes.Status429TooManyRequests or >= 500
        && request.Attempts.HasMore
        && !context.Response.HasStarted
        && NextDestinations.Untried(context, request.Attempts).Count > 0;

    /// <summary>Drops the response if it costs nothing and the request can be sent again. Otherwise it is left complete.</summary>
    /// <returns>Whether it is dropped.</returns>
    public static async ValueTask<bool> TryDropAsync(
        HttpContext context, GatewayContext request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var headers = response.Content.Headers;
        PeekedContent? peeked = null;
        if (headers.ContentType?.MediaType?.EndsWith("json", StringComparison.OrdinalIgnoreCase) == true)
        {
            response.Content = peeked = await PeekedContent.ReadAsync(response.Content, LargestBody, cancellationToken);
        }

        var attempts = request.Attempts;
        var next = NextDestinations.Untried(context, attempts);
        if (!IsFree(response, peeked, headers.ContentEncoding) || next.Count == 0 || !attempts.TryTakeBodyBack())
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

            var observer = call.Answered(
                (int)response.StatusCode, isEventStream: false, request.Caller.Endpoint!.OrdersAJob, headers);
            if (peeked is not null)
            {
                await observer.ObserveAsync(peeked.Bytes);
            }
        }

        return true;
    }

    /// <summary>Whether the response settles a call at nothing, at once.</summary>
    private static bool IsFree(HttpResponseMessage response, PeekedContent? peeked, ICollection<string> encodings)
    {
        var facts = ResponseFacts.None;
        var isErrorOnly = false;
        if (peeked is { IsWhole: true })
        {
            using var reader = ResponseReaders.Create(isEventStream: false, encodings);
            reader.Read(peeked.Bytes.Span);
            reader.End();
            facts = reader.Facts;
            isErrorOnly = facts is { HasError: true, IsComplete: true } && !reader.HasContent;
        }

        var outcome = new CallOutcome
        {
            WasSent = true,
            Status = (int)response.StatusCode,
            IsNamed = GenerationIdHeader.Of(response) is not null || facts.Id?.StartsWith(IdPrefix, StringComparison.Ordinal) == true,
            IsErrorOnly = isErrorOnly,
            Facts = facts,
        };

        // Any reservation, so that "free" and "unknown" differ.
        var decision = SettlementDecision.Of(new PicoDollars(1), includesByok: true, outcome);
        return decision is { State: GenerationState.Settled } && decision.Charge == PicoDollars.Zero;
    }
}
