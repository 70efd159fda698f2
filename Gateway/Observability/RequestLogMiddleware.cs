using Gateway.Billing;
using Gateway.Errors;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Requests;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using Serilog.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Observability;

/// <summary>
/// The RequestLog phase. Creates the request's context, and writes one log line and the request metrics when the request has ended. The
/// line never contains a body, a query string, a header of the caller or a key, wherever the caller has put it.
/// </summary>
internal sealed class RequestLogMiddleware
{
    private readonly RequestDelegate _next;
    private readonly ILogger _logger;
    private readonly Serilog.ILogger _lines;
    private readonly GatewayMetrics _metrics;
    private readonly RecentRequests _recent;
    private readonly KeyUses _uses;
    private readonly TimeProvider _time;

    public RequestLogMiddleware(
        RequestDelegate next,
        ILoggerFactory loggers,
        Serilog.ILogger lines,
        GatewayMetrics metrics,
        RecentRequests recent,
        KeyUses uses,
        TimeProvider time)
    {
        _next = next;
        _logger = loggers.CreateLogger(RequestLine.SourceContext);
        _lines = lines;
        _metrics = metrics;
        _recent = recent;
        _uses = uses;
        _time = time;
    }

    public async Task InvokeAsync(HttpContext context)
    {
        var request = new GatewayContext { StartedAt = _time.GetTimestamp(), ArrivedAt = _time.GetUtcNow() };
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
        if (ProbeMetadata.IsProbe(context))
        {
            return;
        }

        var team = TeamOf(request)?.Id;
        _metrics.RequestEnded(team, context.Request.Path.Value, context.Response.StatusCode, request.End);
        if (request.RefusalCode is { } code)
        {
            _metrics.RequestRefused(code, team);
        }
        else if (request.HasCaller && request.Body.ReportedTools is not null)
        {
            _metrics.RequestRefused(GatewayError.ServerToolNotAllowedCode, team);
        }
    }

    private void Write(HttpContext context, GatewayContext request)
    {
        if (request.Error is var (code, message))
        {
            PhaseLog.RequestRefused(_logger, code, message, request.RequestId);
        }

        if (request.HasCaller && request.Caller.Identity is { } caller)
        {
            _uses.Note(caller, request.ArrivedAt);
        }

        // Requests of unknown callers are not kept: they would push out those of teams.
        var isKept = _recent.IsOn && request.HasCaller;
        var level = LevelOf(context, request);
        var isLogged = _logger.IsEnabled(level);
        if (!isLogged && !isKept)
        {
            return;
        }

        var mapping = context.Features.Get<IProviderMappingFeature>();
        var line = new RequestLine
        {
            Method = KeyText.Hide(context.Request.Method),
            Path = ShortText.Of(context.Request.Path.Value),
            Status = context.Response.StatusCode,
            End = request.End,
            Code = request.Error?.Code,
            Elapsed = Math.Round(_time.GetElapsedTime(request.StartedAt).TotalMilliseconds, 1),
            FirstByte = Elapsed(request, request.FirstByteAt),
            Model = ShortText.Of(mapping?.Facts.RequestedModel),
            SentModel = ShortText.Of(mapping?.Decision.SentModel),
            Rule = mapping?.Decision.AppliedRules,
            BodyBytes = mapping?.Facts.Length,
            Destination = context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination?.DestinationId,
            Attempts = request.HasAttempts ? request.Attempts.Count : null,
            SettingsVersion = request.HasRoute ? request.Snapshot.Version : null,
            Reason = FailureReason.Of(context.Features.Get<IForwarderErrorFeature>()),
            RequestId = context.Response.Headers[GatewayResponseHeaders.RequestId].ToString() is { Length: > 0 } sent ? sent : request.RequestId,
            GenerationId = GenerationIdOf(context, request),
            ConnectionId = context.Connection.Id,
            Team = TeamPartOf(request),
        };
        if (isKept)
        {
            _recent.Add(line, DetailsOf(request, mapping));
        }

        if (isLogged)
        {
            _lines.Write(line.ToEvent(_time.GetUtcNow(), LevelConvert.ToSerilogLevel(level)));
        }
    }

    private static RequestDetails DetailsOf(GatewayContext request, IProviderMappingFeature? mapping)
    {
        var call = request.HasAdmission ? request.Admission.Call : null;
        var bill = call?.Settlement?.Decision;
        return new RequestDetails(request.ArrivedAt, request.RequestId, mapping?.Facts.Streams)
        {
            Row = call?.Id,
            State = bill?.State,
            Cost = bill is null ? null
                : bill.Value.State == GenerationState.Settled ? call!.Settlement!.Value.Bill?.Cost ?? PicoDollars.Zero
                : call!.Reserved,
            UpstreamKey = call?.UpstreamKey,
        };
    }

    private static RequestLine.TeamPart? TeamPartOf(GatewayContext request)
    {
        if (TeamOf(request) is not { } team)
        {
            return null;
        }

        var call = request.HasAdmission ? request.Admission.Call : null;
        var facts = call?.Settlement?.Facts;
        var bill = call?.Settlement?.Decision;
        return new RequestLine.TeamPart
        {
            Id = team.Id,
            Key = request.Caller.Identity!.Key.Label,
            FirstToken = call?.TimeToFirstToken is { } first ? Math.Round(first.TotalMilliseconds, 1) : null,
            AnsweredModel = ShortText.Of(facts?.Model),
            Provider = ShortText.Of(facts?.Provider),
            PromptTokens = facts?.Usage?.PromptTokens,
            CompletionTokens = facts?.Usage?.CompletionTokens,
            Usd = bill?.Charge.ToString(),
            BillState = bill?.State.ToString(),
            RemovedTools = KeyText.Hide(request.Body.RemovedTools),
            ReportedTools = KeyText.Hide(request.Body.ReportedTools),
        };
    }

    // The response of a caller without a team is not read, so only its header names the generation.
    private static string? GenerationIdOf(HttpContext context, GatewayContext request) =>
        (request.HasAdmission ? request.Admission.Call?.GenerationId : null)
        ?? (context.Response.Headers[GenerationIdHeader.Name].ToString() is { Length: > 0 } id ? ShortText.Of(id) : null);

    // A request that is refused in the Team phase or before has no caller.
    private static Team? TeamOf(GatewayContext request) => request.HasCaller ? request.Team : null;

    private double? Elapsed(GatewayContext request, long? timestamp) =>
        timestamp is { } at ? Math.Round(_time.GetElapsedTime(request.StartedAt, at).TotalMilliseconds, 1) : null;

    /// <summary>The log level: Warning if upstream failed, Error if the gateway failed, otherwise Information or Debug.</summary>
    private static LogLevel LevelOf(HttpContext context, GatewayContext request) => request.End switch
    {
        RequestEnd.UpstreamUnreachable or RequestEnd.UpstreamTimedOut or RequestEnd.UpstreamBroke => LogLevel.Warning,
        RequestEnd.Failed => LogLevel.Error,

        // Health probes arrive every few seconds and are not client requests.
        _ => ProbeMetadata.IsProbe(context) ? LogLevel.Debug : LogLevel.Information,
    };
}
