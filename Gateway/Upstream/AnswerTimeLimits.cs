using Gateway.Configuration.ReverseProxy;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Transforms;

namespace Gateway.Upstream;

/// <summary>Begins the time limits of a response that count from the sending of its request.</summary>
internal sealed class AnswerTimeLimits(TimeProvider time) : RequestTransform
{
    /// <summary>The cluster's limit of silence.</summary>
    public static TimeSpan SilenceOf(HttpContext context) =>
        ActivityTimeouts.Of(context.GetReverseProxyFeature().Cluster.Config);

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var settings = GatewayContext.Of(context.HttpContext).Snapshot.Settings.Upstream;
        var first = settings.FirstEventTimeout is { } limit
            && context.HttpContext.Features.Get<IProviderMappingFeature>() is { Facts.Streams: true }
                ? limit
                : default(TimeSpan?);
        if (first is not null || settings.TotalTimeout is not null)
        {
            context.ProxyRequest.Options.Set(AnswerTimeoutHandler.Timers, new AnswerTimers(
                first, settings.EventTimeout ?? SilenceOf(context.HttpContext), settings.TotalTimeout, time));
        }

        return default;
    }
}
