using System.Buffers;
using System.Text;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Pricing;
using Gateway.Teams;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Admission;

/// <summary>
/// Measures a request by its body for the estimate of its cost. A member that the endpoint ignores never makes the request smaller, and of
/// duplicates the dearest counts.
/// </summary>
internal static class RequestMeasure
{
    // The longest value of `service_tier` and `speed` that is compared; a longer one is unknown.
    private const int LongestTier = 64;

    /// <summary>Measures a request.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="limits">The section <c>Limits</c>.</param>
    /// <param name="reviewed">The request.</param>
    public static RequestSize Of(TeamEndpoint endpoint, LimitsSettings limits, in RequestReviewContext reviewed)
    {
        var (facts, body, members) = (reviewed.Facts, reviewed.Body, EndpointMembers.Of(endpoint));
        var text = facts.CountText(body);
        var choices = Math.Max(
            1,
            Math.Max(
                StatedCount.Read(facts, BodyMemberName.Choices, body).Highest,
                StatedCount.Read(facts, BodyMemberName.BestOf, body).Highest));
        if (members.TokenArray is { } member)
        {
            var prompts = AddTokenArrays(facts, member, body, ref text);
            choices = (long)Int128.Min((Int128)choices * prompts, long.MaxValue);
        }

        var (stated, output) = OutputTokens(members, limits.AssumedCompletionTokens, facts, body);
        return new RequestSize
        {
            TextBytes = text,
            BytesPerToken = limits.BytesPerToken,
            MediaParts = facts.Prompt.MediaParts,
            Choices = choices,
            StatedOutputTokens = stated,
            OutputTokens = output,
            CacheWrites = !facts.Prompt.WritesCache ? CacheWrites.Unasked
                : facts.Prompt.WritesLongCache ? CacheWrites.Long
                : CacheWrites.Short,
            Tier = TierOf(facts, body),
        };
    }

    /// <summary>
    /// Counts the tokens in the arrays of a member in place of their bytes. Returns the number of prompts, each of which is answered.
    /// </summary>
    private static long AddTokenArrays(BodyFacts facts, BodyMemberName name, in ReadOnlySequence<byte> body, ref long text)
    {
        long prompts = 1;
        foreach (var member in facts.Members)
        {
            if (member.Name == name && member.Kind == JsonValueKind.Array)
            {
                var array = body.Slice(member.Value.Start, member.Value.Length);
                text += TokenArray.CountText(array) - member.Value.Length;
                prompts = Math.Max(prompts, TokenArray.CountPrompts(array));
            }
        }

        return prompts;
    }

    /// <summary>The highest output cap that the endpoint reads, and the tokens to reserve for a completion.</summary>
    private static (long Stated, long Output) OutputTokens(
        EndpointMembers members, int assumed, BodyFacts facts, in ReadOnlySequence<byte> body)
    {
        var (stated, output) = (0L, 0L);
        foreach (var member in members.OutputCaps)
        {
            // Some servers treat a cap of zero or less as no cap.
            var cap = StatedCount.Read(facts, member, body);
            stated = Math.Max(stated, cap.Highest);
            output = Math.Max(output, cap.IsUnsure ? Math.Max(cap.Highest, assumed) : cap.Highest);
        }

        var raised = members.RaisingCap is { } raising ? StatedCount.Read(facts, raising, body).Highest : 0;
        return (Math.Max(stated, raised), Math.Max(output > 0 ? output : assumed, raised));
    }

    private static ServiceTier TierOf(BodyFacts facts, in ReadOnlySequence<byte> body)
    {
        var (tiers, tier) = (0, ServiceTier.Unstated);
        foreach (var member in facts.Members)
        {
            switch (member.Name)
            {
                case BodyMemberName.ServiceTier or BodyMemberName.Speed when member.Kind != JsonValueKind.Null:
                    var stated = TierOf(member, body);
                    if (stated == ServiceTier.Fast)
                    {
                        return stated;
                    }

                    // Only a single tier surely counts.
                    tier = member.Name == BodyMemberName.ServiceTier && ++tiers == 1 ? stated : ServiceTier.Unstated;
                    break;
                case BodyMemberName.ServiceTier:
                    tiers++;
                    tier = ServiceTier.Unstated;
                    break;
                case BodyMemberName.Provider when NamesFastTier(body.Slice(member.Value.Start, member.Value.Length)):
                    return ServiceTier.Fast;
            }
        }

        return tier;
    }

    private static ServiceTier TierOf(in BodyMember member, in ReadOnlySequence<byte> body) =>
        member.Kind != JsonValueKind.String || member.Value.Length > LongestTier
            ? ServiceTier.Fast
            : JsonStringDecoder.Decode(body.Slice(member.Value.Start + 1, member.Value.Length - 2)) switch
            {
                "default" or "flex" or "standard" or "standard_only" => ServiceTier.Standard,
                "auto" => ServiceTier.Unstated,
                _ => ServiceTier.Fast,
            };

    /// <summary>Whether <c>provider</c> admits the fast tier of a provider by its tag, such as <c>openai/priority</c>.</summary>
    private static bool NamesFastTier(in ReadOnlySequence<byte> provider)
    {
        var reader = new Utf8JsonReader(provider, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String && IsFastTag(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsFastTag(ReadOnlySpan<byte> tag) => tag.Contains((byte)'\\')
        ? IsFastTag(Encoding.UTF8.GetBytes(JsonStringDecoder.Decode(tag).Replace('\\', '/')))
        : EndsWith(tag, "/priority"u8) || EndsWith(tag, "/fast"u8);

    private static bool EndsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> end) =>
        text.Length >= end.Length && Ascii.EqualsIgnoreCase(text[^end.Length..], end);
}
