using System.Diagnostics;
using Gateway.Billing;
using Gateway.Requests;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Observability;

/// <summary>
/// The gateway's spans: a server span for each request and a client span for each attempt at upstream. Names and attributes follow
/// OpenTelemetry's conventions for generative AI and for HTTP. A span contains no body, no header, no query string and no key. Without a
/// listener no span is created.
/// </summary>
internal sealed class GatewayTraces : IDisposable
{
    public const string SourceName = "OpenRouterGateway";

    // The conventions recommend to discard a longer one.
    private const int LongestTraceState = 512;
    private const string ProviderName = "openrouter";

    private readonly ActivitySource _source = new(SourceName);

    /// <summary>Whether spans are recorded.</summary>
    public bool IsEnabled => _source.HasListeners();

    /// <summary>Whether an activity is a span of the gateway.</summary>
    public static bool IsOwn(Activity activity) => activity.Source.Name == SourceName;

    /// <summary>Starts the span of a request, as a child of the caller's span if the request has a <c>traceparent</c>.</summary>
    public Activity? StartRequest(HttpRequest request)
    {
        // ASP.NET Core's own activity is not exported, so it must not become the parent.
        Activity.Current = null;
        var state = request.Headers["tracestate"].ToString();
        _ = ActivityContext.TryParse(
            request.Headers.TraceParent.ToString(), state.Length is > 0 and <= LongestTraceState ? state : null, isRemote: true, out var parent);
        return _source.StartActivity(NameOf(request, model: null), ActivityKind.Server, parent);
    }

    /// <summary>Describes a request that has ended.</summary>
    public static void DescribeRequest(Activity span, HttpContext context, GatewayContext request)
    {
        var http = context.Request;
        var status = context.Response.StatusCode;
        var mapping = context.Features.Get<IProviderMappingFeature>();
        span.DisplayName = NameOf(http, mapping?.Facts.RequestedModel);
        span.SetTag("http.request.method", KeyText.Hide(http.Method));
        span.SetTag("url.scheme", http.Scheme);
        span.SetTag("url.path", ShortText.Of(http.Path.Value));
        span.SetTag("http.route", GatewayMetrics.EndpointTag(http.Path.Value));
        span.SetTag("http.response.status_code", status);
        span.SetTag("gateway.request.id", request.RequestId);
        span.SetTag("gateway.request.end", GatewayMetrics.EndTag(request.End));
        if (mapping is not null)
        {
            DescribeModel(span, http.Path, mapping.Facts.RequestedModel);
            span.SetTag("gateway.rule", mapping.Decision.AppliedRules);
        }

        if (request.HasCaller && request.Caller.Identity is { } caller)
        {
            span.SetTag("gateway.team", caller.Team.Id);
            span.SetTag("gateway.key", caller.Key.Label);
        }

        if (request.HasAttempts)
        {
            span.SetTag("gateway.attempts", request.Attempts.Count);
        }

        if (request.HasAdmission && request.Admission.Call?.Settlement is { } settlement)
        {
            var facts = settlement.Facts;
            span.SetTag("gen_ai.response.id", ShortText.Of(facts.Id));
            span.SetTag("gen_ai.response.model", ShortText.Of(facts.Model));
            span.SetTag("gen_ai.response.finish_reasons", facts.FinishReason is { } reason ? (string[])[reason] : null);
            span.SetTag("gen_ai.usage.input_tokens", facts.Usage?.PromptTokens);
            span.SetTag("gen_ai.usage.output_tokens", facts.Usage?.CompletionTokens);
            span.SetTag("gateway.upstream.provider", ShortText.Of(facts.Provider));
            span.SetTag("gateway.bill.state", GatewayMetrics.StateTag(settlement.Decision.State));
            span.SetTag("gateway.bill.cost_usd", settlement.Decision.Charge.ApproximateUsd);
        }

        if ((request.RefusalCode ?? GatewayMetrics.ErrorTag(request.End, status)) is { Length: > 0 } error)
        {
            span.SetTag("error.type", error);
        }

        // A refusal is the client's error, which a server span does not report as its own.
        if (status >= StatusCodes.Status500InternalServerError || request.End is not (RequestEnd.Completed or RequestEnd.Refused or RequestEnd.ClientLeft))
        {
            span.SetStatus(ActivityStatusCode.Error);
        }
    }

    /// <summary>Starts the span of an attempt.</summary>
    public Activity? StartAttempt(HttpRequest request) => _source.StartActivity(NameOf(request, model: null), ActivityKind.Client);

    /// <summary>Describes an attempt that has ended.</summary>
    /// <param name="span">The span.</param>
    /// <param name="context">The request.</param>
    /// <param name="attempts">The record of its attempts.</param>
    /// <param name="number">The number of the attempt, from 1.</param>
    public static void DescribeAttempt(Activity span, HttpContext context, RequestAttempts attempts, int number)
    {
        var http = context.Request;
        span.SetTag("http.request.method", KeyText.Hide(http.Method));
        if (context.Features.Get<IProviderMappingFeature>() is { } mapping)
        {
            span.DisplayName = NameOf(http, mapping.Decision.SentModel);
            DescribeModel(span, http.Path, mapping.Decision.SentModel);
        }

        if (number > 1)
        {
            span.SetTag("http.request.resend_count", number - 1);
        }

        if (context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination is { } destination)
        {
            span.SetTag("gateway.destination", destination.DestinationId);
            if (Uri.TryCreate(destination.Model.Config.Address, UriKind.Absolute, out var address))
            {
                span.SetTag("server.address", address.Host);
                span.SetTag("server.port", address.Port);
            }
        }

        var status = attempts.UpstreamStatus;
        span.SetTag("http.response.status_code", status);
        var failure = context.Features.Get<IForwarderErrorFeature>()?.Error;
        if (failure is not null || status >= StatusCodes.Status400BadRequest)
        {
            span.SetTag("error.type", failure?.ToString() ?? GatewayMetrics.StatusClassTag(status!.Value));
            span.SetStatus(ActivityStatusCode.Error);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _source.Dispose();

    private static void DescribeModel(Activity span, PathString path, string? model)
    {
        span.SetTag("gen_ai.operation.name", GatewayMetrics.OperationTag(path.Value));
        span.SetTag("gen_ai.provider.name", ProviderName);
        span.SetTag("gen_ai.request.model", ShortText.Of(model));
    }

    // The conventions name a span by its operation and model. A request without a model is named by its method and endpoint.
    private static string NameOf(HttpRequest request, string? model) => model is { Length: > 0 }
        ? $"{GatewayMetrics.OperationTag(request.Path.Value)} {ShortText.Of(model)}"
        : $"{KeyText.Hide(request.Method)} {GatewayMetrics.EndpointTag(request.Path.Value)}";
}
