namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>Descriptions of members that neither the gateway's types nor YARP's schema describe.</summary>
internal static class MemberTexts
{
    /// <summary>The members of a rule's provider block, after OpenRouter's documents.</summary>
    public static IReadOnlyDictionary<string, string> OfProvider { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["allow_fallbacks"] = "false: no other provider is tried after the first or the listed ones. Default: true.",
        ["data_collection"] = "\"deny\": only providers that neither store prompts nor train on them. Default: \"allow\".",
        ["enforce_distillable_text"] = "true: only models whose author allows distillation.",
        ["ignore"] = "The slugs of providers that are not used, beside those that the account excludes.",
        ["max_price"] = "The highest prices: prompt and completion in USD per million tokens, request, image and audio. Dearer providers are excluded.",
        ["only"] = "The slugs of the only providers that are used.",
        ["options"] = "Options by the slug of a provider. Sent to the image endpoints only.",
        ["order"] = "The slugs of providers in the order in which they are tried. Others follow them, unless allow_fallbacks is false.",
        ["preferred_max_latency"] = "Seconds, as a number (p50) or an object with p50, p75, p90 and p99. Slower providers come last; none is excluded.",
        ["preferred_min_throughput"] = "Tokens per second, as a number (p50) or an object with p50, p75, p90 and p99. Slower providers come last; none is excluded.",
        ["quantizations"] = "The quantizations that are used: int4, int8, fp4, mxfp4, nvfp4, fp6, fp8, mxfp8, fp16, bf16, fp32, unknown.",
        ["require_parameters"] = "true: only providers that support every parameter of the request. Default: false, unsupported ones are dropped.",
        ["sort"] = "\"price\", \"throughput\" or \"latency\", or an object with \"by\" and \"partition\". Switches load balancing off.",
        ["zdr"] = "true: only endpoints with zero data retention. It cannot switch off what the account demands.",
    };

    /// <summary>Members that YARP's schema leaves out, after YARP's documents.</summary>
    public static IReadOnlyDictionary<string, string> OfYarp { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["AvailableDestinationsPolicy"] =
            "HealthyAndUnknown: only destinations that no check calls unhealthy. HealthyOrPanic: all of them, if none is left. Default: HealthyAndUnknown.",
        ["IsCaseSensitive"] = "Whether the comparison of values regards case. Default: false.",
        ["Match"] = "The requests that the route takes: all conditions must hold. Hosts or Path is required.",
    };
}
