using System.Buffers;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Pricing;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Admission;

/// <summary>
/// Measures a request by its body for the estimate of its cost. A member that the endpoint ignores never makes the request smaller, and of
/// duplicates the dearest counts.
/// </summary>
internal static class RequestMeasure
{
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
            Documents = endpoint.RunsServerTools ? facts.Prompt.Documents : 0,
            RankedDocuments = members.Ranked is null ? 0 : CountRanked(members, facts, body),
            Choices = choices,
            StatedOutputTokens = stated,
            OutputTokens = output,
            CacheWrites = !facts.Prompt.WritesCache ? CacheWrites.Unasked
                : facts.Prompt.WritesLongCache ? CacheWrites.Long
                : CacheWrites.Short,
            Tier = TierOf(members, reviewed),
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

    /// <summary>
    /// The dearest tier that may serve the request as it is sent. Only a single standard tier surely counts, and only where it is read.
    /// </summary>
    private static ServiceTier TierOf(EndpointMembers members, in RequestReviewContext reviewed)
    {
        if (reviewed.RulesAddFastTier)
        {
            return ServiceTier.Fast;
        }

        var (tiers, isStandard) = (0, false);
        foreach (var member in reviewed.Facts.Members)
        {
            switch (member.Name)
            {
                case BodyMemberName.Speed when member.Kind == JsonValueKind.Null:
                    break;
                case BodyMemberName.ServiceTier or BodyMemberName.Speed:
                    var stated = FastTiers.Read(member, reviewed.Body);
                    if (stated is StatedTier.Fast or StatedTier.Unknown)
                    {
                        return ServiceTier.Fast;
                    }

                    tiers++;
                    isStandard |= member.Name == BodyMemberName.ServiceTier && stated == StatedTier.Standard;
                    break;
                case BodyMemberName.Provider
                    when FastTiers.AreAdmittedBy(reviewed.Body.Slice(member.Value.Start, member.Value.Length)):
                    return ServiceTier.Fast;
            }
        }

        return isStandard && tiers == 1 && members.ReadsTier ? ServiceTier.Standard : ServiceTier.Unstated;
    }

    /// <summary>The documents that the endpoint ranks: of duplicates, the most.</summary>
    private static long CountRanked(EndpointMembers members, BodyFacts facts, in ReadOnlySequence<byte> body)
    {
        long most = 0;
        foreach (var member in facts.Members)
        {
            if (member.Name == members.Ranked)
            {
                most = Math.Max(most, member.Kind == JsonValueKind.Array
                    ? TokenArray.CountPrompts(body.Slice(member.Value.Start, member.Value.Length))
                    : 1);
            }
        }

        return most;
    }
}
