using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Observability;

/// <summary>Writes one line for every request, when it has ended. Never a body, a query string or a header of the caller.</summary>
internal sealed partial class RequestLogMiddleware
{
    private const int LongestText = 200;

    private readonly RequestDelegate _next;
    private readonly ILogger _logger;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;

    public RequestLogMiddleware(RequestDelegate next, ILoggerFactory loggers, GatewayMetrics metrics, TimeProvider time)
    {
        _next = next;
        _logger = loggers.CreateLogger("Gateway.Requests");
        _metrics = metrics;
        _time = time;
    }

    public async Task InvokeAsync(HttpContext context)
    {
        var request = new GatewayContext { StartedAt = _time.GetTimestamp() };
        context.Features.Set(request);
        try
        {
            await _next(context);
        }
        finally
        {
            Count(context, request);
            Write(context, request);
        }
    }

    private void Count(HttpContext context, GatewayContext request)
    {
        if (IsProbe(context))
        {
            return;
        }

        var team = request.Team?.Id;
        _metrics.RequestEnded(team, context.Request.Path.Value, context.Response.StatusCode, request.End);
        if (request.RefusalCode is { } code)
        {
            _metrics.RequestRefused(code, team);
        }
    }

    private void Write(HttpContext context, GatewayContext request)
    {
        var level = LevelOf(context, request);
        if (!_logger.IsEnabled(level))
        {
            return;
        }

        var mapping = context.Features.Get<IProviderMappingFeature>();
        var path = Shorten(context.Request.Path.Value);
        var elapsedMs = Math.Round(_time.GetElapsedTime(request.StartedAt).TotalMilliseconds, 1);
        var model = Shorten(mapping?.Facts.RequestedModel);
        var sentModel = Shorten(mapping?.Decision.SentModel);
        var destination = context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination?.DestinationId;
        var version = request.HasSnapshot ? request.Snapshot.Version : null;
        var id = context.Response.Headers[AnswerHeaders.RequestId].ToString() is { Length: > 0 } sent ? sent : request.RequestId;
        if (request.Team is not { } team)
        {
            // What no caller without a team has is not said to be nothing in every line.
            Log.RequestEnded(
                _logger,
                level,
                context.Request.Method,
                path,
                context.Response.StatusCode,
                request.End,
                elapsedMs,
                Elapsed(request, request.FirstByteAt),
                model,
                sentModel,
                mapping?.Decision.AppliedRules,
                mapping?.Facts.Length,
                destination,
                version,
                ReasonOf(context),
                id);
            return;
        }

        var facts = request.Reservation?.Facts;
        Log.TeamRequestEnded(
            _logger,
            level,
            context.Request.Method,
            path,
            context.Response.StatusCode,
            request.End,
            elapsedMs,
            Elapsed(request, request.FirstByteAt),
            Elapsed(request, request.Answer?.FirstDataAt),
            team.Id,
            request.TeamKey?.Label,
            model,
            sentModel,
            Shorten(facts?.Model),
            Shorten(facts?.Provider),
            facts?.Usage?.PromptTokens,
            facts?.Usage?.CompletionTokens,
            request.Reservation?.Bill is { } bill ? bill.Charge.ToString() : null,
            request.Reservation?.Bill?.State,
            mapping?.Decision.AppliedRules,
            mapping?.Facts.Length,
            destination,
            version,
            ReasonOf(context),
            id);
    }

    private double? Elapsed(GatewayContext request, long? timestamp) =>
        timestamp is { } at ? Math.Round(_time.GetElapsedTime(request.StartedAt, at).TotalMilliseconds, 1) : null;

    /// <summary>The level says who should act: nobody, the upstream's operator, or we.</summary>
    private static LogLevel LevelOf(HttpContext context, GatewayContext request) => request.End switch
    {
        RequestEnd.UpstreamUnreachable or RequestEnd.UpstreamTimedOut or RequestEnd.UpstreamBroke => LogLevel.Warning,
        RequestEnd.Failed => LogLevel.Error,

        // Probes come every few seconds and say nothing: they are not requests of anybody.
        _ => IsProbe(context) ? LogLevel.Debug : LogLevel.Information,
    };

    private static bool IsProbe(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<ProbeMetadata>() is not null;

    /// <summary>
    /// Why the hop failed, in the words of its innermost exception: these speak of sockets and protocols. Where they quote what upstream
    /// sent, such as a piece of an answer in place of a chunk's length, they are cut before the quotation.
    /// </summary>
    private static string? ReasonOf(HttpContext context)
    {
        var reason = context.Features.Get<IForwarderErrorFeature>()?.Exception?.GetBaseException().Message;
        var quotation = reason?.IndexOf('\'') ?? -1;
        return quotation < 0 ? reason : reason![..quotation].TrimEnd(' ', ':');
    }

    private static string? Shorten(string? text) => text?.Length > LongestText ? string.Concat(text.AsSpan(0, LongestText), "…") : text;

    private static partial class Log
    {
        [LoggerMessage(
            EventId = LogEvents.RequestEnded,
            Message = "{Method} {Path} {Status} {End} in {ElapsedMs} ms, first byte {FirstByteMs} ms, model {Model} sent {SentModel}, "
            + "rule {Rule}, body {BodyBytes} B, destination {Destination}, settings {SettingsVersion}, reason {Reason}, request {RequestId}")]
        public static partial void RequestEnded(
            ILogger logger,
            LogLevel level,
            string method,
            string? path,
            int status,
            RequestEnd end,
            double elapsedMs,
            double? firstByteMs,
            string? model,
            string? sentModel,
            string? rule,
            int? bodyBytes,
            string? destination,
            string? settingsVersion,
            string? reason,
            string requestId);

        [LoggerMessage(
            EventId = LogEvents.TeamRequestEnded,
            Message = "{Method} {Path} {Status} {End} in {ElapsedMs} ms, first byte {FirstByteMs} ms, first token {FirstTokenMs} ms, "
            + "team {Team} key {Key}, model {Model} sent {SentModel} answered {AnsweredModel} by {Provider}, "
            + "tokens {PromptTokens} + {CompletionTokens}, {Usd} USD {BillState}, "
            + "rule {Rule}, body {BodyBytes} B, destination {Destination}, settings {SettingsVersion}, reason {Reason}, request {RequestId}")]
        public static partial void TeamRequestEnded(
            ILogger logger,
            LogLevel level,
            string method,
            string? path,
            int status,
            RequestEnd end,
            double elapsedMs,
            double? firstByteMs,
            double? firstTokenMs,
            string? team,
            string? key,
            string? model,
            string? sentModel,
            string? answeredModel,
            string? provider,
            long? promptTokens,
            long? completionTokens,
            string? usd,
            GenerationState? billState,
            string? rule,
            int? bodyBytes,
            string? destination,
            string? settingsVersion,
            string? reason,
            string requestId);
    }
}
