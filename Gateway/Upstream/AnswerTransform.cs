using System.Net;
using System.Net.Http.Headers;
using Gateway.Alerts;
using Gateway.Attempts;
using Gateway.Billing;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Requests;
using Yarp.ReverseProxy.Transforms;

namespace Gateway.Upstream;

/// <summary>
/// Decides on a response of upstream before its headers are sent: holds it for its first data, drops it for another attempt, replaces an error
/// about the gateway's key, or passes it with the gateway's headers. Lets the call observe a response that passes.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="reached">Receives the destinations that responded.</param>
/// <param name="catalogue">Edits lists of models.</param>
/// <param name="alerts">Receives the keys that upstream rejects.</param>
/// <param name="memory">Counts the held beginnings of responses.</param>
/// <param name="logger">The log.</param>
internal sealed partial class AnswerTransform(
    TimeProvider time,
    ReachedDestinations reached,
    CatalogueResponse catalogue,
    AlertSignals alerts,
    ResponseMemory memory,
    ILogger logger) : ResponseTransform
{
    /// <summary>The time that the body of an error has which may be about the gateway's key: the status alone does not say.</summary>
    private static readonly TimeSpan KeyErrorDelay = TimeSpan.FromSeconds(10);

    public override ValueTask ApplyAsync(ResponseTransformContext transform)
    {
        // YARP has already copied the headers. Without a response the Errors phase writes the error.
        if (transform.ProxyResponse is not { } response)
        {
            return default;
        }

        var context = transform.HttpContext;
        var answer = new Answer(transform, GatewayContext.Of(context), response, response.Content.Headers, time.GetTimestamp());
        answer.Request.Attempts.UpstreamStatus = (int)response.StatusCode;
        reached.Note(context, (int)response.StatusCode, answer.HeadersAt);

        // An error is judged by its body, regardless of the body's type.
        var isEventStream = IsEventStream(answer.Headers) && HasBody(context.Response.StatusCode) && (int)response.StatusCode < 400;
        if (AnswerHead.IsHeld(context, response, answer.Headers, isEventStream))
        {
            return HoldAsync(answer, isEventStream);
        }

        return TimersOf(response) is null ? DecideAsync(answer) : TimeAsync(answer);
    }

    /// <summary>Continues the time limits of a response that is not held: the one for the whole response.</summary>
    private async ValueTask TimeAsync(Answer answer)
    {
        var response = answer.Response;
        if (HasBody(answer.Transform.HttpContext.Response.StatusCode) && !IsUpgrade(response))
        {
            var stream = await response.Content.ReadAsStreamAsync(CancellationToken.None);
            response.Content = PassedContent.WithHeaders(
                answer.Headers,
                response.Content,
                new HeldStream(stream, TimersOf(answer, isEventStream: false), memory, answer.Transform.HttpContext));
        }
        else
        {
            TimersOf(response)!.Dispose();
        }

        await DecideAsync(answer);
    }

    /// <summary>Waits for the first data, which may change the status, before anything is decided by the status.</summary>
    private async ValueTask HoldAsync(Answer answer, bool isEventStream)
    {
        var (transform, request, response) = (answer.Transform, answer.Request, answer.Response);
        var context = transform.HttpContext;
        var content = response.Content;
        if (request.Admission.Call is { } call)
        {
            NameCall(call, request, response);
        }

        var timers = TimersOf(answer, isEventStream);
        AnswerHead head;
        try
        {
            head = await AnswerHead.HoldAsync(context, response, isEventStream, timers, memory, time, transform.CancellationToken);
        }
        catch (Exception exception)
        {
            timers?.Dispose();
            if (!context.RequestAborted.IsCancellationRequested)
            {
                request.Upstream = new UpstreamRecord((int)response.StatusCode, answer.HeadersAt);
                request.EndAs(exception is OperationCanceledException ? RequestEnd.UpstreamTimedOut : RequestEnd.UpstreamBroke);
            }

            throw;
        }

        answer = head switch
        {
            { ReplacedStatus: { } status } =>
                answer with { ReplacedStatus = status, Headers = response.Content.Headers, ReplacedEvents = head.Events },
            _ when isEventStream => answer with
            {
                Events = new EventStream(
                    head.Stream!, timers!, context, time, EndsWithConnection(response, answer.Headers), !AnswerHead.IsPlain(answer.Headers)),
            },
            _ => answer,
        };
        await DecideAsync(answer);
        if (head.IsLate && isEventStream && !transform.SuppressResponseBody)
        {
            await context.Response.Body.FlushAsync(transform.CancellationToken);
        }
    }

    private ValueTask DecideAsync(in Answer answer) =>
        answer is { Events: null, Request.Team: not null } && RejectedKey.IsPossible((int)answer.Response.StatusCode) ? RefuseKeyOrPassAsync(answer)
        : ResponseDropping.MayDrop(answer.Transform.HttpContext, answer.Request, (int)answer.Response.StatusCode)
            ? DropOrPassAsync(answer)
            : PassAsync(answer);

    /// <summary>Replaces an error about the team's OpenRouter key, which is the operator's and not the caller's, by one of the gateway.</summary>
    private async ValueTask RefuseKeyOrPassAsync(Answer answer)
    {
        var (transform, request, response) = (answer.Transform, answer.Request, answer.Response);
        var held = await PeekAsync(answer, KeyErrorDelay);
        var status = (int)response.StatusCode;
        if (!RejectedKey.Is(status, await RejectedKey.DecodeAsync(held.Held, answer.Headers.ContentEncoding)))
        {
            await PassAsync(answer);
            return;
        }

        // The call is settled by upstream's error.
        request.Upstream = new UpstreamRecord(status, answer.HeadersAt, answer.ReplacedStatus);
        request.Attempts.Body?.ReleaseKept();
        if (request.Admission.Call is { } call)
        {
            NameCall(call, request, response);
            await SettleAsync(call, answer, answer.ReplacedEvents ?? held.Held);
        }

        Log.UpstreamKeyRejected(logger, request.Team!.Id, status, request.RequestId);
        if (request.Attempts.UpstreamKey is { } key)
        {
            alerts.KeyRejected(request.Snapshot, request.Team.Id, key, status, time.GetUtcNow());
        }

        var context = transform.HttpContext;
        context.Response.Clear();
        await ErrorMiddleware.RefuseAsync(context, GatewayError.UpstreamKeyRejected);
        transform.SuppressResponseBody = true;
    }

    private async ValueTask DropOrPassAsync(Answer answer)
    {
        // Decided by the part of the body that has arrived in time.
        var transform = answer.Transform;
        var isRead = answer.HasEvents || answer.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.OrdinalIgnoreCase) == true;
        var body = answer.ReplacedEvents;
        if (body is null && isRead)
        {
            body = (await PeekAsync(answer, answer.Request.Snapshot.Settings.Server.EventStreamHeaderDelay)).Held;
        }

        if (await ResponseDropping.TryDropAsync(
            transform.HttpContext, answer.Request, answer.Response, answer.HasEvents, answer.Headers, body))
        {
            transform.SuppressResponseBody = true;
            return;
        }

        await PassAsync(answer);
    }

    /// <summary>
    /// Reads the body of an error ahead, for a decision. If it breaks, the response is its status and the part of the body that has
    /// arrived: the status suffices for the client and the charge.
    /// </summary>
    private async ValueTask<HeldStream> PeekAsync(Answer answer, TimeSpan delay)
    {
        var (transform, response) = (answer.Transform, answer.Response);
        var held = new HeldStream(
            await response.Content.ReadAsStreamAsync(transform.CancellationToken), timers: null, memory, transform.HttpContext);
        response.Content = new PassedContent(response.Content, held);
        try
        {
            if (!await held.HoldAllAsync(delay, time, transform.CancellationToken))
            {
                transform.HttpContext.Response.ContentLength = null;
            }
        }
        catch (OperationCanceledException) when (answer.Request.Admission.Call is { } call)
        {
            // The client has disconnected, or the shutdown has cut the request. The part that has arrived decides about the charge.
            NameCall(call, answer.Request, response);
            await ObserverOf(call, answer).ObserveAsync(answer.ReplacedEvents ?? held.Held);
            throw;
        }

        return held;
    }

    private ValueTask PassAsync(in Answer answer)
    {
        var (transform, request, response) = (answer.Transform, answer.Request, answer.Response);
        var context = transform.HttpContext;

        // There is no further attempt.
        request.Attempts.Body?.ReleaseKept();
        request.Upstream = new UpstreamRecord(context.Response.StatusCode, answer.HeadersAt, answer.ReplacedStatus);
        HopHeaders.Clean(context.Response, response);
        GatewayResponseHeaders.Claim(context.Response);
        GatewayResponseHeaders.Apply(context);
        if (!HasBody(context.Response.StatusCode))
        {
            // These statuses have no body, even if upstream announces one. Kestrel would turn an announced or written body into a 500.
            context.Response.ContentLength = null;
            transform.SuppressResponseBody = true;
        }
        else if (answer.Events is { } events)
        {
            response.Content = new PassedContent(response.Content, events);
        }

        return request.Admission switch
        {
            { Call: { } call } => MeterAsync(call, answer),
            { Lease: { } lease } => EndWithResponseAsync(lease, answer),
            _ => EditAsync(answer),
        };
    }

    private ValueTask EditAsync(in Answer answer) =>
        CatalogueResponse.IsEdited(answer.Transform.HttpContext, answer.Request) && !answer.Transform.SuppressResponseBody
            ? catalogue.EditAsync(answer.Transform, answer.Request, answer.Response, answer.Headers.ContentEncoding)
            : default;

    /// <summary>Edits the response of a request that is not metered, and lets the request's lease end with it.</summary>
    private async ValueTask EndWithResponseAsync(ILimitLease lease, Answer answer)
    {
        await EditAsync(answer);
        var (context, response) = (answer.Transform.HttpContext, answer.Response);
        if (answer.Transform.SuppressResponseBody
            || HttpMethods.IsHead(context.Request.Method)
            || context.Response.StatusCode == StatusCodes.Status304NotModified)
        {
            // The headers are the whole response.
            await lease.ReturnAsync(tokens: null);
            return;
        }

        response.Content = new ObservedContent(response.Content, new LeaseObserver(lease, context.Response.ContentLength));
    }

    /// <summary>
    /// Reports the generation's id to the call and lets the call observe the response. The id of a stream is durable before the headers are
    /// sent. The id of any other response is durable before its first byte is sent, so a response in one piece needs a single write for the
    /// id and the settlement.
    /// </summary>
    private static ValueTask MeterAsync(MeteredCall call, in Answer answer)
    {
        NameCall(call, answer.Request, answer.Response);
        if (answer.ReplacedEvents is { } events)
        {
            return SettleAsync(call, answer, events);
        }

        answer.Response.Content = new ObservedContent(answer.Response.Content, ObserverOf(call, answer));
        return answer.Events is not null ? call.KeepNameAsync() : default;
    }

    /// <summary>Settles the call by a body that has arrived.</summary>
    private static async ValueTask SettleAsync(MeteredCall call, Answer answer, ReadOnlyMemory<byte> body)
    {
        var observer = ObserverOf(call, answer);
        await observer.ObserveAsync(body);
        await observer.EndAsync();
    }

    private static MeteredResponse ObserverOf(MeteredCall call, in Answer answer) =>
        call.Answered((int)answer.Response.StatusCode, answer.HasEvents, answer.Request.Caller.Endpoint!.OrdersAJob, answer.Headers);

    private static void NameCall(MeteredCall call, GatewayContext request, HttpResponseMessage response)
    {
        if (!request.Caller.Endpoint!.OrdersAJob && GenerationIdHeader.Of(response) is { } id)
        {
            call.Named(id);
        }
    }

    /// <summary>The time limits of a response: those that began with its sending, or new ones for an event stream.</summary>
    private AnswerTimers? TimersOf(in Answer answer, bool isEventStream)
    {
        var timers = TimersOf(answer.Response);
        if (timers is null && !isEventStream)
        {
            return null;
        }

        var settings = answer.Request.Snapshot.Settings.Upstream;
        var silence = AnswerTimeLimits.SilenceOf(answer.Transform.HttpContext);
        TimeSpan? first = isEventStream ? settings.FirstEventTimeout ?? silence : null;
        if (timers is null)
        {
            timers = new AnswerTimers(first, settings.EventTimeout ?? silence, settings.TotalTimeout, time);
        }
        else
        {
            timers.Begin(first);
        }

        timers.AbortAfterLimit(answer.Transform.HttpContext);
        timers.Link(answer.Transform.CancellationToken);
        return timers;
    }

    private static AnswerTimers? TimersOf(HttpResponseMessage response) =>
        response.RequestMessage?.Options.TryGetValue(AnswerTimeoutHandler.Timers, out var timers) == true ? timers : null;

    private static bool HasBody(int status) => status is not (StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent);

    /// <summary>Whether the connection, or over HTTP/2 the stream, becomes a tunnel.</summary>
    private static bool IsUpgrade(HttpResponseMessage response) =>
        response.StatusCode == HttpStatusCode.SwitchingProtocols || response.RequestMessage?.Method == HttpMethod.Connect;

    /// <summary>Whether only the end of the connection marks the end of the stream: there is no length, and there are no chunks.</summary>
    private static bool EndsWithConnection(HttpResponseMessage response, HttpContentHeaders headers) =>
        response.Version.Major == 1 && headers.ContentLength is null && response.Headers.TransferEncodingChunked != true;

    private static bool IsEventStream(HttpContentHeaders headers) =>
        headers.NonValidated.TryGetValues("Content-Type", out var types)
        && types.ToString().AsSpan().TrimStart().StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase);

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.UpstreamKeyRejected,
            LogLevel.Error,
            "The upstream rejects the OpenRouter key of team {Team} with status {Status}. Request {RequestId}")]
        public static partial void UpstreamKeyRejected(ILogger logger, string team, int status, string requestId);
    }

    /// <summary>Upstream's response on its way through the phases of the transform.</summary>
    /// <param name="Transform">YARP's context.</param>
    /// <param name="Request">The request.</param>
    /// <param name="Response">The response.</param>
    /// <param name="Headers">The headers of its content, which a wrapper of the content does not have.</param>
    /// <param name="HeadersAt">When the headers arrived.</param>
    /// <param name="ReplacedStatus">The status that upstream sent, if the response's first data has replaced it.</param>
    /// <param name="Events">The stream of events; <see langword="null"/> for any other response.</param>
    /// <param name="ReplacedEvents">The events that upstream sent, if an error has replaced them.</param>
    private readonly record struct Answer(
        ResponseTransformContext Transform,
        GatewayContext Request,
        HttpResponseMessage Response,
        HttpContentHeaders Headers,
        long HeadersAt,
        int? ReplacedStatus = null,
        EventStream? Events = null,
        ReadOnlyMemory<byte>? ReplacedEvents = null)
    {
        /// <summary>Whether the call is settled by events, which an error's body may be, too.</summary>
        public bool HasEvents => Events is not null || ReplacedEvents is not null || IsEventStream(Headers);
    }
}
