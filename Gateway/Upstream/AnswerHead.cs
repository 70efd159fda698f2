using System.Net;
using System.Net.Http.Headers;
using Gateway.Configuration.Model;
using Gateway.Metering;
using Gateway.Requests;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Upstream;

/// <summary>
/// Holds back the status of a response until its first data has arrived. If that is upstream's error, the response becomes that of an
/// upstream that had waited for it: the error's status and the error as JSON. All later phases see that response.
/// </summary>
/// <param name="Stream">The body from its beginning; <see langword="null"/> if an event has replaced it.</param>
/// <param name="IsLate">Whether the time to hold ended before the first byte arrived.</param>
/// <param name="ReplacedStatus">The status that upstream sent, if the error's status has replaced it.</param>
/// <param name="Events">
/// The events that an error has replaced, by which the call is settled; <see langword="null"/> if the response is settled by its own body.
/// </param>
internal readonly record struct AnswerHead(HeldStream? Stream, bool IsLate, int? ReplacedStatus, ReadOnlyMemory<byte>? Events = null)
{
    /// <summary>The time that the events behind an error have, which may name the generation or its cost. Upstream ends the stream there.</summary>
    private static readonly TimeSpan TailDelay = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether the response may be an error with status 200: an event stream, or the JSON of a call. Responses to other methods are not
    /// answers of a model: the content of a file may look like an error.
    /// </summary>
    public static bool IsHeld(HttpContext context, HttpResponseMessage response, HttpContentHeaders headers, bool isEventStream) =>
        isEventStream
        || (response.StatusCode == HttpStatusCode.OK && HttpMethods.IsPost(context.Request.Method) && IsPlain(headers) && IsJson(headers)
            && GatewayContext.Of(context).Snapshot.Settings.Upstream.ErrorsInSuccess == ErrorsInSuccess.Status);

    /// <summary>Holds a response until it is decided, whole, too large, or the time or the memory of bodies is used up.</summary>
    public static async ValueTask<AnswerHead> HoldAsync(
        HttpContext context,
        HttpResponseMessage response,
        bool isEventStream,
        AnswerTimers? timers,
        ResponseMemory memory,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var request = GatewayContext.Of(context);
        var headers = response.Content.Headers;
        var delay = request.Snapshot.Settings.Server.EventStreamHeaderDelay;
        var judge = JudgeOf(response, headers, isEventStream);
        var beganAt = time.GetTimestamp();
        var stream = new HeldStream(await response.Content.ReadAsStreamAsync(cancellationToken), timers, memory, context);
        var limit = isEventStream ? HeldStream.MaxEventsSize : HeldStream.MaxSize;
        var isLate = false;
        var hasBegun = false;
        var dataEvents = 0;
        AnswerVerdict verdict;
        try
        {
            while (true)
            {
                verdict = judge.Judge(stream.Held.Span, stream.IsWhole);
                if (judge.DataEvents > dataEvents)
                {
                    dataEvents = judge.DataEvents;
                    timers?.NoteData();
                    timers?.BeginRead();
                }

                if (verdict.IsDecided || stream.IsWhole || stream.Held.Length >= limit || !stream.TryMakeRoom())
                {
                    break;
                }

                if (!isEventStream && !hasBegun && stream.Held.Span.IndexOfAnyExcept(" \t\r\n"u8) >= 0)
                {
                    // Blanks keep the connection alive until the response begins.
                    hasBegun = true;
                    beganAt = time.GetTimestamp();
                }

                // The client sees nothing of JSON before its first byte, so that nothing is lost while it is awaited.
                var isAwaited = !isEventStream && stream.Held.IsEmpty;
                var left = isAwaited ? Timeout.InfiniteTimeSpan : Left(delay, time.GetElapsedTime(beganAt));
                if (!await stream.TryHoldMoreAsync(left, time, cancellationToken))
                {
                    isLate = stream.Held.IsEmpty;
                    break;
                }

                if (isAwaited)
                {
                    beganAt = time.GetTimestamp();
                }

                if (isEventStream && !stream.Held.IsEmpty)
                {
                    request.BodyBegan(time.GetTimestamp());
                }
            }
        }
        catch (Exception failure)
        {
            // Without its blank line the last event is only judged here: nothing of the stream follows any more.
            verdict = isEventStream && !cancellationToken.IsCancellationRequested && EndsWithLine(stream.Held.Span)
                ? judge.Judge(stream.Held.Span, isWhole: true)
                : AnswerVerdict.Undecided;
            if (!verdict.IsDecided)
            {
                await ObserveAsync(request, response, isEventStream, stream.Held);
                stream.Dispose();
                throw;
            }

            stream.Break(failure);
        }

        if (verdict.ErrorStatus is { } status
            && request.Snapshot.Settings.Upstream.ErrorsInSuccess == ErrorsInSuccess.Status
            && HttpMethods.IsPost(context.Request.Method))
        {
            if (verdict.Data is not null && request.Admission.Call is not null)
            {
                try
                {
                    await stream.HoldAllAsync(TailDelay, time, cancellationToken);
                }
                catch (OperationCanceledException)
                {
                    // The client has disconnected, or the shutdown has cut the request.
                    response.StatusCode = (HttpStatusCode)status;
                    await ObserveAsync(request, response, isEventStream, stream.Held);
                    stream.Dispose();
                    throw;
                }
            }

            return BecomeError(context, response, stream, status, verdict.Data);
        }

        response.Content = new PassedContent(response.Content, stream);
        return new AnswerHead(stream, isLate, ReplacedStatus: null);
    }

    /// <summary>
    /// Reports to the call the part that has arrived of a response that broke off: its status may say that it costs nothing, and an id,
    /// that it has a bill.
    /// </summary>
    private static async ValueTask ObserveAsync(
        GatewayContext request, HttpResponseMessage response, bool isEventStream, ReadOnlyMemory<byte> held)
    {
        if (request.Admission.Call is not { } call)
        {
            return;
        }

        var observer = call.Answered(
            (int)response.StatusCode, isEventStream, request.Caller.Endpoint!.OrdersAJob, response.Content.Headers);
        if (!held.IsEmpty)
        {
            await observer.ObserveAsync(held);
        }
    }

    private static AnswerHead BecomeError(HttpContext context, HttpResponseMessage response, HeldStream stream, int status, byte[]? data)
    {
        var sent = (int)response.StatusCode;
        response.StatusCode = (HttpStatusCode)status;
        context.Response.StatusCode = status;
        if (context.Features.Get<IHttpResponseFeature>() is { } feature)
        {
            // That of the status 200.
            feature.ReasonPhrase = null;
        }

        if (data is null)
        {
            response.Content = PassedContent.WithHeaders(response.Content.Headers, response.Content, stream);
            return new AnswerHead(stream, IsLate: false, sent);
        }

        var events = stream.Held.ToArray();
        KeepId(response, events);
        stream.CountUntilTheEnd();
        stream.Dispose();
        response.Content.Dispose();
        response.Content = new ByteArrayContent(data) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = data.Length;
        return new AnswerHead(Stream: null, IsLate: false, sent, events);
    }

    /// <summary>
    /// Keeps the generation's id that an event has named, as the header that a response has otherwise: the events are discarded, and a
    /// response with an id may be billed.
    /// </summary>
    private static void KeepId(HttpResponseMessage response, ReadOnlySpan<byte> events)
    {
        if (GenerationIdHeader.Of(response) is null)
        {
            using var reader = new UsageReader(isEventStream: true);
            reader.Read(events);
            reader.End();
            GenerationIdHeader.Add(response, reader.Facts.Id);
        }
    }

    private static IAnswerJudge JudgeOf(HttpResponseMessage response, HttpContentHeaders headers, bool isEventStream) =>
        !isEventStream ? new JsonJudge()
        : response.StatusCode == HttpStatusCode.OK && IsPlain(headers) ? new EventJudge()
        : AnyByteJudge.Instance;

    private static bool EndsWithLine(ReadOnlySpan<byte> held) => !held.IsEmpty && held[^1] is (byte)'\n' or (byte)'\r';

    private static TimeSpan Left(TimeSpan delay, TimeSpan elapsed) => elapsed < delay ? delay - elapsed : TimeSpan.Zero;

    /// <summary>Whether the body is not compressed.</summary>
    public static bool IsPlain(HttpContentHeaders headers) =>
        !headers.NonValidated.Contains("Content-Encoding") || ResponseReaders.EncodingOf(headers.ContentEncoding) == ResponseEncoding.None;

    private static bool IsJson(HttpContentHeaders headers)
    {
        if (!headers.NonValidated.TryGetValues("Content-Type", out var types))
        {
            return false;
        }

        var type = types.ToString().AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        return type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
    }
}
