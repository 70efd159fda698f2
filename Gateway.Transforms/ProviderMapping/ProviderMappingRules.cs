using System.Buffers;
using System.Text.Json;
using Gateway.Transforms.RequestBody;

namespace Gateway.Transforms.ProviderMapping;

/// <summary>An ordered set of rules and aliases, compiled once; the whole decision about a request, without HTTP. Immutable.</summary>
public sealed class ProviderMappingRules
{
    private static readonly RequestRejection NotAnObject =
        new(400, "invalid_provider", "'provider' must be an object.", "provider");

    private readonly ProviderRule[] _ordinary;
    private readonly ProviderRule[] _enforced;

    /// <summary>Creates a set.</summary>
    /// <param name="rules">Rules in order; of the ordinary ones the first match applies, of the enforced ones every match.</param>
    /// <param name="aliases">Aliases in order; the first match applies, once.</param>
    public ProviderMappingRules(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(aliases);
        Rules = [.. rules];
        Aliases = [.. aliases];
        _ordinary = [.. rules.Where(rule => rule.Mode != WhenClientSetsProvider.Enforce)];
        _enforced = [.. rules.Where(rule => rule.Mode == WhenClientSetsProvider.Enforce)];
    }

    /// <summary>No rules, no aliases: every body passes untouched, save one whose <c>provider</c> is no object.</summary>
    public static ProviderMappingRules Empty { get; } = new([], []);

    /// <summary>The rules in order.</summary>
    public IReadOnlyList<ProviderRule> Rules { get; }

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAlias> Aliases { get; }

    /// <summary>Decides what is to be changed in a body, or why the request is refused.</summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    /// <param name="endpoint">Which endpoint the request is for; it decides which members of a block are taken.</param>
    public ProviderMappingDecision Decide(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(facts);
        return Decide(facts, body, endpoint, review: null, trace: null);
    }

    /// <summary>Decides as above, after the host had its say.</summary>
    internal ProviderMappingDecision Decide(
        BodyFacts facts, in ReadOnlySequence<byte> body, RequestEndpoint endpoint, Func<SentModels, RequestReview> review) =>
        Decide(facts, body, endpoint, review, trace: null);

    /// <summary>
    /// Decides as <see cref="Decide(BodyFacts, ReadOnlySequence{byte}, RequestEndpoint)"/> does, and says how it came about.
    /// </summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    /// <param name="endpoint">Which endpoint the request is for.</param>
    public ProviderMappingExplanation Explain(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(facts);
        var trace = new DecisionTrace(Aliases, Rules);
        var decision = Decide(facts, body, endpoint, review: null, trace);
        return new ProviderMappingExplanation(decision, trace.Steps());
    }

    private ProviderMappingDecision Decide(
        BodyFacts facts,
        in ReadOnlySequence<byte> body,
        RequestEndpoint endpoint,
        Func<SentModels, RequestReview>? review,
        DecisionTrace? trace)
    {
        var edits = new EditList();
        var models = SentModels.Create(Aliases, facts, endpoint, edits, trace);
        var provider = facts.LastIndexOf(BodyMemberName.Provider);
        var clientSets = provider >= 0 && facts.Members[provider].Kind != JsonValueKind.Null;
        if (clientSets && facts.Members[provider].Kind != JsonValueKind.Object)
        {
            return new ProviderMappingDecision([], null, models.Model, NotAnObject);
        }

        var reviewed = review?.Invoke(models) ?? default;
        if (reviewed.Rejection is not null)
        {
            return new ProviderMappingDecision([], null, models.Model, reviewed.Rejection);
        }

        if (reviewed.Edit is { } edit)
        {
            edits.Add(edit.Offset, edit.Remove, edit.Insert);
        }

        var ordinary = FindOrdinary(models, trace);
        var enforced = FindEnforced(models, trace);
        if (reviewed.Rule is { } rule)
        {
            (enforced ??= []).Add(rule);
        }

        if (clientSets && ordinary is { Mode: WhenClientSetsProvider.KeepClient })
        {
            trace?.Add(
                ordinary,
                ProviderMappingOutcome.KeptClient,
                "Matches, but the client set 'provider' itself and the rule leaves that alone.");
            ordinary = null;
        }

        var (applied, refusal) = (ordinary, enforced, clientSets) switch
        {
            (null, null, _) => (null, null),
            (_, null, false) => ApplyAlone(ordinary!, facts, provider, endpoint, edits, trace),
            (null, [var only], false) => ApplyAlone(only, facts, provider, endpoint, edits, trace),
            _ => Compose(ordinary, enforced ?? [], clientSets, facts, provider, body, endpoint, edits, trace),
        };
        return refusal is not null
            ? new ProviderMappingDecision([], refusal.Rule.Name, models.Model, refusal.Rejection)
            : new ProviderMappingDecision(edits.Build(), applied, models.Model, null);
    }

    private ProviderRule? FindOrdinary(in SentModels models, DecisionTrace? trace)
    {
        ProviderRule? first = null;
        bool? namesPreset = null;
        var name = models.Model ?? "";
        foreach (var rule in _ordinary)
        {
            if (first is not null)
            {
                trace!.SkippedBehind(rule, first);
            }
            else if (!rule.IsMatch(name))
            {
                trace?.NotMatched(rule, [name]);
            }
            else if (namesPreset ??= models.NamesPreset)
            {
                if (trace is null)
                {
                    return null;
                }

                trace.Add(
                    rule,
                    ProviderMappingOutcome.SkippedBecausePreset,
                    "Matches, but the request refers to a preset, whose own block an injected one would wipe out.",
                    [name]);
            }
            else
            {
                first = rule;
                if (trace is null)
                {
                    break;
                }
            }
        }

        return first;
    }

    private List<ProviderRule>? FindEnforced(in SentModels models, DecisionTrace? trace)
    {
        if (_enforced.Length == 0)
        {
            return null;
        }

        List<ProviderRule>? matching = null;
        var spellings = models.Spellings();
        foreach (var rule in _enforced)
        {
            if (rule.IsMatch(spellings))
            {
                (matching ??= []).Add(rule);
            }
            else
            {
                trace?.NotMatched(rule, spellings);
            }
        }

        return matching;
    }

    // The common case: one rule, and a client that set nothing. All there is to write was rendered when the rule was created.
    private static (string? Applied, RuleRefusal? Refusal) ApplyAlone(
        ProviderRule rule, BodyFacts facts, int provider, RequestEndpoint endpoint, EditList edits, DecisionTrace? trace)
    {
        var written = rule.Written(endpoint);
        if (written.Refusal is { } rejection)
        {
            trace?.Add(rule, ProviderMappingOutcome.Refused, rejection.Message);
            return (null, new RuleRefusal(rule, rejection));
        }

        if (written.IsEmpty)
        {
            trace?.Add(rule, ProviderMappingOutcome.NothingToAdd, "Matches, but holds nothing that the endpoint takes.");
            return (rule.Mode == WhenClientSetsProvider.Enforce ? rule.Name : null, null);
        }

        Write(written, facts, provider, edits);
        trace?.Add(
            rule,
            ProviderMappingOutcome.Applied,
            "Matches, and its block goes in: the client set no 'provider'.",
            names: null,
            written.MemberNames);
        return (rule.Name, null);
    }

    private (string? Applied, RuleRefusal? Refusal) Compose(
        ProviderRule? ordinary,
        List<ProviderRule> enforced,
        bool clientSets,
        BodyFacts facts,
        int provider,
        in ReadOnlySequence<byte> body,
        RequestEndpoint endpoint,
        EditList edits,
        DecisionTrace? trace)
    {
        var block = clientSets ? new WorkingBlock(Read(body, facts.Members[provider].Value)) : new WorkingBlock();
        if (ordinary is not null)
        {
            var added = ProviderFilling.Fill(block, ordinary, endpoint);
            if (added.Count == 0)
            {
                trace?.Add(
                    ordinary,
                    ProviderMappingOutcome.NothingToAdd,
                    "Matches, but there is no member that the client left out and the endpoint takes.");
                ordinary = null;
            }
            else
            {
                trace?.Add(ordinary, ProviderMappingOutcome.Applied, $"Matches, and {DecisionTrace.List(added)} went in.", null, added);
            }
        }

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
                SentModels.CutEarlier(facts, provider, edits);
                block.AddEdits(edits, facts.Members[provider].Value.Start);
            }
            else if (!block.IsEmpty)
            {
                Write(WrittenBlock.Of(block), facts, provider, edits);
            }
        }

        return (AppliedNames(ordinary, enforced), null);
    }

    private string? AppliedNames(ProviderRule? ordinary, List<ProviderRule> enforced) =>
        enforced.Count == 0 ? ordinary?.Name
        : ordinary is null && enforced.Count == 1 ? enforced[0].Name
        : string.Join(", ", Rules.Where(rule => rule == ordinary || enforced.Contains(rule)).Union(enforced).Select(rule => rule.Name));

    private static void Write(WrittenBlock written, BodyFacts facts, int provider, EditList edits)
    {
        if (provider >= 0)
        {
            SentModels.CutEarlier(facts, provider, edits);
            edits.Add(facts.Members[provider].Value.Start, facts.Members[provider].Value.Length, written.Value);
        }
        else
        {
            edits.Add(facts.InsertAt, 0, facts.IsEmpty ? written.MemberWithoutComma : written.Member);
        }
    }

    private static ReadOnlyMemory<byte> Read(in ReadOnlySequence<byte> body, ByteRange range)
    {
        var value = body.Slice(range.Start, range.Length);
        return value.IsSingleSegment ? value.First : value.ToArray();
    }
}
