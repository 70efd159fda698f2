using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>An ordered set of rules and aliases, compiled once; the whole decision about a request, without HTTP. Immutable.</summary>
public sealed class ProviderMappingRules
{
    private static readonly RequestRejection NotAnObject =
        new(400, "invalid_provider", "'provider' must be an object.", "provider");

    // By place in Rules and in Aliases.
    private readonly PatternIndex _ordinary;
    private readonly PatternIndex _enforced;
    private readonly PatternIndex _aliases;

    /// <summary>Creates a set.</summary>
    /// <param name="rules">Rules in order; of the ordinary ones the first match applies, of the enforced ones every match.</param>
    /// <param name="aliases">Aliases in order; the first match applies, once.</param>
    public ProviderMappingRules(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases)
        : this(rules, aliases, rest: null)
    {
    }

    private ProviderMappingRules(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases, ProviderMappingRules? rest)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(aliases);
        Rules = rest is null ? [.. rules] : new ChainedList<ProviderRule>([.. rules], rest.Rules);
        Aliases = rest is null ? [.. aliases] : new ChainedList<ModelAlias>([.. aliases], rest.Aliases);
        _ordinary = new PatternIndex(PatternsOf(rules, areEnforced: false), rest?._ordinary, rules.Count);
        _enforced = new PatternIndex(PatternsOf(rules, areEnforced: true), rest?._enforced, rules.Count);
        _aliases = new PatternIndex(aliases.Select(static (alias, i) => (i, alias.Pattern)), rest?._aliases, aliases.Count);
    }

    /// <summary>No rules, no aliases: every body passes untouched, save one whose <c>provider</c> is no object.</summary>
    public static ProviderMappingRules Empty { get; } = new([], []);

    /// <summary>The rules in order.</summary>
    public IReadOnlyList<ProviderRule> Rules { get; }

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAlias> Aliases { get; }

    /// <summary>A set with more rules and aliases before those of this one, which are shared: neither compiled again nor copied.</summary>
    /// <param name="rules">Rules in order.</param>
    /// <param name="aliases">Aliases in order.</param>
    public ProviderMappingRules PrecededBy(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases) =>
        new(rules, aliases, rest: this);

    /// <summary>Decides what is to be changed in a body, or why the request is refused.</summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    /// <param name="endpoint">Which endpoint the request is for; it decides which members of a block are taken.</param>
    public ProviderMappingDecision Decide(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(facts);
        return Decide<object?>(facts, body, endpoint, review: null, state: null, trace: null);
    }

    /// <summary>Decides as above, after the host had its say.</summary>
    internal ProviderMappingDecision Decide<TState>(
        BodyFacts facts,
        in ReadOnlySequence<byte> body,
        RequestEndpoint endpoint,
        Func<TState, ReviewedRequest, RequestReview> review,
        TState state) => Decide(facts, body, endpoint, review, state, trace: null);

    /// <summary>
    /// Decides as <see cref="Decide(BodyFacts, ReadOnlySequence{byte}, RequestEndpoint)"/> does, and says how it came about.
    /// </summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    /// <param name="endpoint">Which endpoint the request is for.</param>
    public ProviderMappingExplanation Explain(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint) =>
        Explain(facts, body, endpoint, static _ => default);

    /// <summary>Explains a request that the host reviews, see <see cref="ProviderMappingOptions.Review"/>.</summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    /// <param name="endpoint">Which endpoint the request is for.</param>
    /// <param name="review">The host's review of the request.</param>
    public ProviderMappingExplanation Explain(
        BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint, Func<ReviewedRequest, RequestReview> review)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(review);
        var trace = new DecisionTrace(Aliases, Rules);
        var decision = Decide(facts, body, endpoint, static (review, request) => review(request), review, trace);
        return new ProviderMappingExplanation(decision, trace.Steps());
    }

    private ProviderMappingDecision Decide<TState>(
        BodyFacts facts,
        in ReadOnlySequence<byte> body,
        RequestEndpoint endpoint,
        Func<TState, ReviewedRequest, RequestReview>? review,
        TState state,
        DecisionTrace? trace)
    {
        var edits = new EditList();
        var models = EffectiveModels.Create(Aliases, _aliases, facts, endpoint, edits, trace);
        var provider = facts.LastIndexOf(BodyMemberName.Provider);
        var clientSets = provider >= 0 && facts.Members[provider].Kind != JsonValueKind.Null;
        if (clientSets && facts.Members[provider].Kind != JsonValueKind.Object)
        {
            return new ProviderMappingDecision([], null, models.Model, NotAnObject);
        }

        var reviewed = review?.Invoke(state, new ReviewedRequest(facts, body, endpoint, models)) ?? default;
        if (reviewed.Rejection is not null)
        {
            return new ProviderMappingDecision([], null, models.Model, reviewed.Rejection);
        }

        if (reviewed.Edit is { } edit)
        {
            edits.Add(edit.Offset, edit.Remove, edit.Insert);
        }

        var matching = FindMatching(models, reviewed.Rule, trace);
        if (clientSets && matching.Ordinary is { Mode: WhenClientSetsProvider.KeepClient } keeps)
        {
            trace?.Add(
                keeps,
                ProviderMappingOutcome.KeptClient,
                "Matches, but the client set 'provider' itself and the rule leaves that alone.");
            matching = matching with { Ordinary = null };
        }

        var (applied, refusal) = matching switch
        {
            (null, null, _) => (null, null),
            ({ } only, null, _) when !clientSets => ApplyAlone(only, facts, provider, endpoint, edits, trace),
            (null, [var only], _) when !clientSets => ApplyAlone(only, facts, provider, endpoint, edits, trace),
            _ => Compose(matching, clientSets, facts, provider, body, endpoint, edits, trace),
        };
        return refusal is not null
            ? new ProviderMappingDecision([], refusal.Rule.Name, models.Model, refusal.Rejection)
            : new ProviderMappingDecision(edits.Build(), applied, models.Model, null);
    }

    private MatchingRules FindMatching(in EffectiveModels models, ProviderRule? reviewed, DecisionTrace? trace)
    {
        var ordinary = FindOrdinary(models, trace);
        var found = FindEnforced(models, trace);
        var enforced = found?.ConvertAll(i => Rules[i]);

        // No rule is of both kinds, so this is where the ordinary one would stand among the others.
        var enforcedBefore = found is null ? 0 : ~found.BinarySearch(ordinary);
        if (reviewed is not null)
        {
            (enforced ??= []).Add(reviewed);
        }

        return new MatchingRules(ordinary == PatternIndex.None ? null : Rules[ordinary], enforced, enforcedBefore);
    }

    private int FindOrdinary(in EffectiveModels models, DecisionTrace? trace)
    {
        var name = models.Model ?? "";
        var first = _ordinary.FindFirst(name);
        if (first != PatternIndex.None && models.NamesPreset)
        {
            trace?.OrdinarySkipped(name);
            return PatternIndex.None;
        }

        trace?.OrdinarySought(name, first);
        return first;
    }

    private List<int>? FindEnforced(in EffectiveModels models, DecisionTrace? trace)
    {
        if (_enforced.IsEmpty)
        {
            return null;
        }

        var spellings = models.Spellings();
        var found = _enforced.FindAll(spellings);
        trace?.EnforcedSought(spellings, found);
        return found;
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

    private static (string? Applied, RuleRefusal? Refusal) Compose(
        MatchingRules matching,
        bool clientSets,
        BodyFacts facts,
        int provider,
        in ReadOnlySequence<byte> body,
        RequestEndpoint endpoint,
        EditList edits,
        DecisionTrace? trace)
    {
        var block = clientSets ? new WorkingBlock(Read(body, facts.Members[provider].Value)) : new WorkingBlock();
        if (matching.Ordinary is { } ordinary)
        {
            var added = ProviderFilling.Fill(block, ordinary, endpoint);
            if (added.Count == 0)
            {
                trace?.Add(
                    ordinary,
                    ProviderMappingOutcome.NothingToAdd,
                    "Matches, but there is no member that the client left out and the endpoint takes.");
                matching = matching with { Ordinary = null };
            }
            else
            {
                trace?.Add(ordinary, ProviderMappingOutcome.Applied, $"Matches, and {DecisionTrace.List(added)} went in.", null, added);
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
                EffectiveModels.CutEarlier(facts, provider, edits);
                block.AddEdits(edits, facts.Members[provider].Value.Start);
            }
            else if (!block.IsEmpty)
            {
                Write(WrittenBlock.Of(block), facts, provider, edits);
            }
        }

        return (matching.Names(), null);
    }

    private static void Write(WrittenBlock written, BodyFacts facts, int provider, EditList edits)
    {
        if (provider >= 0)
        {
            EffectiveModels.CutEarlier(facts, provider, edits);
            edits.Add(facts.Members[provider].Value.Start, facts.Members[provider].Value.Length, written.Value);
        }
        else
        {
            edits.Add(facts.InsertAt, 0, facts.IsEmpty ? written.MemberWithoutComma : written.Member);
        }
    }

    private static IEnumerable<(int Ordinal, ModelPattern Pattern)> PatternsOf(IReadOnlyList<ProviderRule> rules, bool areEnforced) =>
        from rule in rules.Index()
        where rule.Item.Mode == WhenClientSetsProvider.Enforce == areEnforced
        from pattern in rule.Item.Patterns
        select (rule.Index, pattern);

    private static ReadOnlyMemory<byte> Read(in ReadOnlySequence<byte> body, ByteRange range)
    {
        var value = body.Slice(range.Start, range.Length);
        return value.IsSingleSegment ? value.First : value.ToArray();
    }
}
