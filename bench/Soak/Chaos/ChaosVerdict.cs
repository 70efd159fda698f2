using System.Text.Json;
using System.Text.Json.Nodes;

namespace Soak.Chaos;

/// <summary>Judges a call as its client saw it.</summary>
internal sealed class ChaosVerdict(IReadOnlyList<int> eventsAround)
{
    /// <summary>The time beyond the gateway's time limits that a busy machine may take.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    private const int Broken = 0;
    private const int Responses = 1;
    private const int Messages = 2;

    // The text events of a stream with the upstream's default script, and with that of a named fault.
    private static readonly int[] TextEvents = [3, 20];

    private static readonly string[] Markers =
        ["data: [DONE]", "\"type\":\"response.completed\"", "\"type\":\"message_stop\"", "data: [DONE]"];

    private static readonly HashSet<string> StreamsWithoutProgress = ["silent-stream", "comments-only", "stall-mid-stream"];

    /// <summary>Whether the client got the whole response that it asked for.</summary>
    public static bool IsSuccess(ChaosCall call) =>
        call.Answer is { Status: 200, IsComplete: true } answer
        && (call.Streams ? IsEventStream(answer) && HasMarker(call) : IsWholeJson(answer));

    /// <summary>The fault of the outcome; <see langword="null"/> if there is none.</summary>
    public string? FaultOf(ChaosCall call)
    {
        var limit = LimitOf(call);
        if (call.Hangs || call.Took > limit)
        {
            return $"{call.Took.TotalSeconds:0.0} s, beyond {limit.TotalSeconds} s; {call.Answer.Describe()}";
        }

        // A response that a client received as whole is whole, regardless of the events around it.
        if (call.Answer is { Status: 200 } answer && UnsoundOf(call, answer) is { } unsound)
        {
            return unsound;
        }

        return call.WasKilled || call.MetOutage || call.Fault == ChaosCall.Episodes || Allows(call)
            ? null
            : $"unexpected outcome: {call.Answer.Describe()}";
    }

    // A stream whose progress is not watched ends with the limit of the whole response: a limit at or beyond that one could not tell.
    private static TimeSpan LimitOf(ChaosCall call) => call.Streams && StreamsWithoutProgress.Contains(call.Fault)
        ? ChaosSettings.TotalTimeout - TimeSpan.FromSeconds(1)
        : ChaosSettings.TotalTimeout + Slack;

    private string? UnsoundOf(ChaosCall call, Answer answer)
    {
        if (!IsEventStream(answer))
        {
            return answer.IsComplete && IsJson(answer) && Parse(answer) is null ? $"a JSON response without its end: {answer.Describe()}" : null;
        }

        if (HasMarker(call))
        {
            var events = Expected.CountEvents(answer.Text);

            // The marker of a responses stream is its end. Upstream may break before the [DONE] that stands behind it.
            if (call.Endpoint == Responses && !answer.Text.Contains("data: [DONE]", StringComparison.Ordinal))
            {
                events++;
            }

            return TextEvents.Any(text => events == text + eventsAround[call.Endpoint])
                ? null
                : $"a broken stream with a clean end, {events} events: {answer.Describe()}";
        }

        // Upstream itself may end a stream without its final events.
        var maySkip = call.Fault is "end-early" or ChaosCall.Episodes;
        return answer.IsComplete && !maySkip && !answer.Text.Contains("\"error\"", StringComparison.Ordinal)
            ? $"a stream that ends properly without its final events: {answer.Describe()}"
            : null;
    }

    private static bool Allows(ChaosCall call)
    {
        var answer = call.Answer;
        var isCut = answer is { IsComplete: false, Status: 0 or 200 };
        var statuses = StatusesOf(call);
        return (isCut && statuses.Contains(Broken)) || (answer.IsComplete && statuses.Contains(answer.Status));
    }

    // The statuses of docs/failures.md; zero for a connection that is closed as failed.
    private static int[] StatusesOf(ChaosCall call) => call.Fault switch
    {
        "rate-limited" => [429],
        "cannot-afford" => [402],
        "key-refused" or "no-credits" or "overloaded" => [503],
        "server-error" => [500],
        "provider-error" => [502],
        "redirect" => [301],
        "error-in-200" => !call.Streams && call.Endpoint == Responses ? [200] : call.Endpoint == Messages ? [500] : [500, 502],
        "no-answer" => [502],
        "silent" => [504],
        "slow-headers" => call.Streams ? [504] : [200],
        "silent-stream" or "comments-only" when call.Streams => [504, Broken],
        "stall-mid-stream" or "cut-mid-stream" or "slow-stream" when call.Streams => [Broken, 502, 504],
        "cut-mid-body" => [502, Broken],
        "refused-stream" or "goaway-refused" => call.IsHttp2 ? [502] : [503],
        _ when call.Fault.StartsWith("page-", StringComparison.Ordinal) => [int.Parse(
            call.Fault.AsSpan(5), System.Globalization.CultureInfo.InvariantCulture)],
        _ => [200],
    };

    private static bool HasMarker(ChaosCall call) => call.Answer.Text.Contains(Markers[call.Endpoint], StringComparison.Ordinal);

    private static bool IsEventStream(Answer answer) => Has(answer, "text/event-stream");

    private static bool IsJson(Answer answer) => Has(answer, "application/json");

    private static bool Has(Answer answer, string type) =>
        (answer.Header("Content-Type") ?? "").StartsWith(type, StringComparison.OrdinalIgnoreCase);

    private static bool IsWholeJson(Answer answer) => IsJson(answer) && Parse(answer) is JsonObject json && json["error"] is null;

    private static JsonNode? Parse(Answer answer)
    {
        try
        {
            return JsonNode.Parse(answer.Body);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
