using System.Buffers;
using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Rewrites the member <c>provider</c> of one request by the rules that match the request.</summary>
/// <param name="facts">The facts about the body.</param>
/// <param name="body">The body.</param>
/// <param name="provider">The index of the member that counts, the last one; negative without a member.</param>
/// <param name="clientSets">Whether the member is an object, and not null or absent.</param>
/// <param name="endpoint">The kind of endpoint.</param>
/// <param name="edits">Receives the edits.</param>
/// <param name="trace">Receives the outcome of each rule.</param>
internal readonly struct ProviderRewriting(
    BodyFacts facts,
    ReadOnlySequence<byte> body,
    int provider,
    bool clientSets,
    RequestEndpoint endpoint,
    EditList edits,
    DecisionTrace? trace)
{
    /// <summary>Applies the rules.</summary>
    /// <param name="matching">The rules that match.</param>
    /// <returns>The names of the rules that apply, or the refusal of one.</returns>
    public (string? Applied, RuleRefusal? Refusal) Apply(RuleMatches matching)
    {
        if (clientSets && matching.Ordinary is { Mode: WhenClientSetsProvider.KeepClient } keeps)
        {
            trace?.Add(
                keeps,
                ExplainedOutcome.KeptClient,
                "Matches, but the client set 'provider', and the rule keeps it.");
            matching = matching with { Ordinary = null };
        }

        return matching switch
        {
            (null, null, _) => (null, null),
            ({ } only, null, _) when !clientSets => ApplyAlone(only),
            (null, [var only], _) when !clientSets => ApplyAlone(only),
            _ => Compose(matching),
        };
    }

    // The common case: one rule, and a client without a provider. The block was rendered when the rule was created.
    private (string? Applied, RuleRefusal? Refusal) ApplyAlone(ProviderRule rule)
    {
        var rendered = rule.Rendered(endpoint);
        if (rendered.Refusal is { } rejection)
        {
            trace?.Add(rule, ExplainedOutcome.Refused, rejection.Message);
            return (null, new RuleRefusal(rule, rejection));
        }

        if (rendered.IsEmpty)
        {
            trace?.Add(rule, ExplainedOutcome.NothingToAdd, "Matches, but the endpoint accepts no member of its block.");
            return (rule.Mode == WhenClientSetsProvider.Enforce ? rule.Name : null, null);
        }

        Write(rendered);
        trace?.Add(
            rule,
            ExplainedOutcome.Applied,
            "Matches, and its block is added: the client set no 'provider'.",
            names: null,
            rendered.MemberNames);
        return (rule.Name, null);
    }

    private (string? Applied, RuleRefusal? Refusal) Compose(RuleMatches matching)
    {
        var block = clientSets ? new MutableProviderBlock(Read(facts.Members[provider].Value)) : new MutableProviderBlock();
        if (matching.Ordinary is { } ordinary)
        {
            var added = ProviderFilling.Fill(block, ordinary, endpoint);
            if (added.Count == 0)
            {
                trace?.Add(
                    ordinary,
                    ExplainedOutcome.NothingToAdd,
                    "Matches, but the client set every member of its block that the endpoint accepts.");
                matching = matching with { Ordinary = null };
            }
            else
            {
                trace?.Add(ordinary, ExplainedOutcome.Applied, $"Matches, and adds {DecisionTrace.List(added)}.", null, added);
            }
        }

        var enforced = matching.Enforced ?? [];
        List<string>[]? changes = trace is null ? null : [.. enforced.Select(_ => new List<string>())];
        var refusal = ProviderNarrowing.Narrow(block, enforced, endpoint, changes);
        trace?.Enforced(enforced, changes!, refusal);
        if (refusal is not null)
        {
            return (null, refusal);
        }

        if (block.IsChanged)
        {
            if (clientSets)
            {
                EffectiveModels.RemoveEarlier(facts, provider, edits);
                block.AddEdits(edits, facts.Members[provider].Value.Start);
            }
            else if (!block.IsEmpty)
            {
                Write(RenderedBlock.Of(block));
            }
        }

        return (matching.Names(), null);
    }

    private void Write(RenderedBlock rendered)
    {
        if (provider >= 0)
        {
            EffectiveModels.RemoveEarlier(facts, provider, edits);
            edits.Add(facts.Members[provider].Value.Start, facts.Members[provider].Value.Length, rendered.Value);
        }
        else
        {
            edits.Add(facts.InsertAt, 0, facts.IsEmpty ? rendered.MemberWithoutComma : rendered.Member);
        }
    }

    private ReadOnlyMemory<byte> Read(ByteRange range)
    {
        var value = body.Slice(range.Start, range.Length);
        return value.IsSingleSegment ? value.First : value.ToArray();
    }
}
