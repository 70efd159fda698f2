using Gateway.Primitives;

namespace Gateway.Observability;

/// <summary>
/// The lines of <c>--verbose</c>: one per phase of a request. A caller that computes arguments checks the level first. The arguments contain
/// no body, prompt, key or header; <c>docs/logging.md</c> lists the lines.
/// </summary>
internal static partial class PhaseLog
{
    [LoggerMessage(LogEvents.CallerIdentified, LogLevel.Debug, "Team {Team}, key {Key}, endpoint {Endpoint}. Request {RequestId}")]
    public static partial void CallerIdentified(ILogger logger, string team, string key, string? endpoint, string requestId);

    [LoggerMessage(LogEvents.RulesTried, LogLevel.Debug, "Rules: {Steps}. Request {RequestId}")]
    public static partial void RulesTried(ILogger logger, string steps, string requestId);

    [LoggerMessage(LogEvents.BodyEdited, LogLevel.Debug, "Edits of the body: {Edits}. Request {RequestId}")]
    public static partial void BodyEdited(ILogger logger, string edits, string requestId);

    [LoggerMessage(
        LogEvents.CallAdmitted,
        LogLevel.Debug,
        "Admitted: {Usd} USD reserved, {Tokens} tokens taken from the limits; limits: {Limits}; budget: {Budget}. Request {RequestId}")]
    public static partial void CallAdmitted(ILogger logger, string usd, long tokens, string limits, string budget, string requestId);

    [LoggerMessage(LogEvents.AttemptSent, LogLevel.Debug, "Attempt {Attempt} is sent to destination {Destination}. Request {RequestId}")]
    public static partial void AttemptSent(ILogger logger, int attempt, string? destination, string requestId);

    [LoggerMessage(LogEvents.AttemptEnded, LogLevel.Debug, "Attempt {Attempt} has ended: {Outcome}. Request {RequestId}")]
    public static partial void AttemptEnded(ILogger logger, int attempt, string outcome, string requestId);

    [LoggerMessage(LogEvents.RequestRefused, LogLevel.Debug, "Answered with the error {Code}: {Message} Request {RequestId}")]
    public static partial void RequestRefused(ILogger logger, string code, string message, string requestId);
}
