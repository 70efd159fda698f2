using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A rule set: ordered lists of rules and aliases, compiled once. Immutable and thread-safe.</summary>
public sealed class ProviderMappingRules
{
    // Clients send a few hundred bytes. Narrowing builds an object for each provider name, many times the size of the member.
    private const int MaxProviderSize = 64 * 1024;

    private static readonly RequestRejection NotAnObject =
        new(400, "invalid_provider", "'provider' must be an object.", "provider");

    private static readonly RequestRejection ProviderTooLarge =
        new(400, "invalid_provider", $"'provider' is larger than {MaxProviderSize} bytes.", "provider");

    private static readonly List<ClosedServerTool> NothingClosed = [];

    // Ordinals are indexes of Rules and Aliases.
    private readonly PatternIndex _ordinary;
    private readonly PatternIndex _enforced;
    private readonly PatternIndex _aliases;
    private readonly bool _admitFastTier; // any of the rules

    /// <summary>Creates a rule set.</summary>
    /// <param name="rules">
    /// The rules in order. Of the rules in mode <see cref="WhenClientSetsProvider.Enforce"/> every match applies, of the others the first.
    /// </param>
    /// <param name="aliases">The aliases in order. For each model name the first match applies; the result is not aliased again.</param>
    public ProviderMappingRules(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases)
        : this(rules, aliases, rest: null)
    {
    }

    private ProviderMappingRules(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases, ProviderMappingRules? rest)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(aliases);
        Rules = rest is null ? [.. rules] : new ConcatenatedList<ProviderRule>([.. rules], rest.Rules);
        Aliases = rest is null ? [.. aliases] : new ConcatenatedList<ModelAlias>([.. aliases], rest.Aliases);
        _ordinary = new PatternIndex(PatternsOf(rules, areEnforced: false), rest?._ordinary, rules.Count);
        _enforced = new PatternIndex(PatternsOf(rules, areEnforced: true), rest?._enforced, rules.Count);
        _admitFastTier = rules.Any(static rule => rule.AdmitsFastTier) || rest is { _admitFastTier: true };
        _aliases = new PatternIndex(aliases.Select(static (alias, i) => (i, alias.Pattern)), rest?._aliases, aliases.Count);
    }

    /// <summary>
    /// The empty rule set. A body is forwarded unchanged; a <c>provider</c> that is not an object is still rejected.
    /// </summary>
    public static ProviderMappingRules Empty { get; } = new([], []);

    /// <summary>The rules in order.</summary>
    public IReadOnlyList<ProviderRule> Rules { get; }

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAlias> Aliases { get; }

    /// <summary>Parses a rule set in the shape of the settings.</summary>
    /// <param name="json">
    /// A JSON object with <c>Rules</c> and <c>Aliases</c>, both optional. Comments and trailing commas are allowed. Rules without a
    /// <c>Name</c> are called <c>rule-1</c>, <c>rule-2</c>… by their place; a name may occur once.
    /// </param>
    /// <exception cref="FormatException">The text has faults; the message lists all of them, one per line.</exception>
    public static ProviderMappingRules Parse([StringSyntax(StringSyntaxAttribute.Json)] string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return RuleSetsReader.Parse(json, "rule set", RuleSetsReader.ReadSet);
    }

    /// <summary>Parses a rule set as <see cref="Parse"/> does, and lists its problems.</summary>
    /// <param name="json">See <see cref="Parse"/>.</param>
    /// <param name="problems">Receives every fault and warning, with paths such as <c>Rules:0:Provider:order</c>.</param>
    /// <param name="rules">The rule set; <see langword="null"/> after a fault.</param>
    /// <returns>Whether there was no fault. Warnings do not prevent a rule set.</returns>
    public static bool TryParse(
        [StringSyntax(StringSyntaxAttribute.Json)] string json,
        ICollection<RuleProblem> problems,
        [NotNullWhen(true)] out ProviderMappingRules? rules)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(problems);
        var found = new List<RuleProblem>();
        rules = RuleSetsReader.Parse(json, found, RuleSetsReader.ReadSet);
        if (RuleProblems.HasFault(found))
        {
            rules = null;
        }

        foreach (var problem in found)
        {
            problems.Add(problem);
        }

        return rules is not null;
    }

    /// <summary>
    /// Creates a rule set with more rules and aliases before those of this set. The new set shares this one and does not compile it again.
    /// </summary>
    /// <param name="rules">The rules in order.</param>
    /// <param name="aliases">The aliases in order.</param>
    internal ProviderMappingRules PrecededBy(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases) =>
        new(rules, aliases, rest: this);

    /// <summary>The alias that replaces a model's name; <see langword="null"/> if none does.</summary>
    internal ModelAlias? FindAlias(string name) =>
        name.Length > 0 && _aliases.FindFirst(name) is var found && found != PatternIndex.None ? Aliases[found] : null;

    /// <summary>Decides on the edits of a body, or on its rejection.</summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="endpoint">The kind of endpoint; it decides which members of a block are sent.</param>
    internal ProviderMappingDecision Decide(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(facts);
        return Decide<object?>(facts, body, endpoint, review: null, state: null, trace: null);
    }

    /// <summary>Decides as above, with a review by the host before the rules.</summary>
    internal ProviderMappingDecision Decide<TState>(
        BodyFacts facts,
        in ReadOnlySequence<byte> body,
        RequestEndpoint endpoint,
        Func<TState, RequestReviewContext, RequestReview> review,
        TState state) => Decide(facts, body, endpoint, review, state, trace: null);

    /// <summary>
    /// Decides as <see cref="Decide(BodyFacts, ReadOnlySequence{byte}, RequestEndpoint)"/> does, and explains the outcome of each rule and
    /// alias.
    /// </summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="endpoint">The kind of endpoint.</param>
    internal ProviderMappingExplanation Explain(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint) =>
        Explain(facts, body, endpoint, static _ => default);

    /// <summary>Explains a request, with a review by the host; see <see cref="ProviderMappingOptions.Review"/>.</summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="endpoint">The kind of endpoint.</param>
    /// <param name="review">The host's review of the request.</param>
    internal ProviderMappingExplanation Explain(
        BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint, Func<RequestReviewContext, RequestReview> review)
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
        Func<TState, RequestReviewContext, RequestReview>? review,
        TState state,
        DecisionTrace? trace)
    {
        var edits = new EditList();
        var models = EffectiveModels.Create(Aliases, _aliases, facts, endpoint, edits, trace);
        if (HasOversizedProvider(facts))
        {
            return new ProviderMappingDecision([], null, models.Model, ProviderTooLarge);
        }

        var provider = facts.LastIndexOf(BodyMemberName.Provider);
        var clientSets = provider >= 0 && facts.Members[provider].Kind != JsonValueKind.Null;
        if (clientSets && facts.Members[provider].Kind != JsonValueKind.Object)
        {
            return new ProviderMappingDecision([], null, models.Model, NotAnObject);
        }

        RequestedModels? requested = _enforced.IsEmpty ? null : RequestedModels.Create(models.Names, facts);
        if (requested is { } judged && ModelNameCheck.Find(facts, body, judged) is { } unclear)
        {
            return new ProviderMappingDecision([], null, models.Model, unclear);
        }

        var enforced = FindEnforced(requested);
        var closed = FindClosed(requested, enforced);
        var isFast = review is not null && _admitFastTier && AddsFastTier(models, enforced, clientSets);
        var reviewed = review?.Invoke(state, new RequestReviewContext(facts, body, endpoint, models, requested, closed, isFast)) ?? default;
        if (reviewed.Rejection is not null)
        {
            return new ProviderMappingDecision([], null, models.Model, reviewed.Rejection);
        }

        if (reviewed.Removal is { } removal)
        {
            requested = requested?.Without(removal);
            enforced = FindEnforced(requested);
            closed = FindClosed(requested, enforced);
        }

        if (closed.Count > 0)
        {
            var refused = RuleRefusal.ServerTool(closed[0].Rule, closed[0].Tool);
            trace?.Add(refused.Rule, ExplainedOutcome.Refused, refused.Rejection.Message);
            return new ProviderMappingDecision([], refused.Rule.Name, models.Model, refused.Rejection);
        }

        reviewed.AddTo(edits);
        if (requested is { } spelt)
        {
            trace?.EnforcedSearched([.. ModelSpellings.OfAll(spelt.All)], enforced);
        }

        var matching = FindMatches(models, enforced, reviewed.Rule, trace);
        var rewriting = new ProviderRewriting(facts, body, provider, clientSets, endpoint, edits, trace);
        var (applied, refusal) = rewriting.Apply(matching);
        return refusal is not null
            ? new ProviderMappingDecision([], refusal.Rule.Name, models.Model, refusal.Rejection)
            : new ProviderMappingDecision(edits.Build(), applied, models.Model, null);
    }

    private static bool HasOversizedProvider(BodyFacts facts)
    {
        foreach (var member in facts.Members)
        {
            if (member.Name == BodyMemberName.Provider && member.Value.Length > MaxProviderSize)
            {
                return true;
            }
        }

        return false;
    }

    private RuleMatches FindMatches(in EffectiveModels models, List<int>? found, ProviderRule? reviewed, DecisionTrace? trace)
    {
        var ordinary = FindOrdinary(models, trace);
        var enforced = found?.ConvertAll(i => Rules[i]);

        // No rule is both ordinary and enforced, so the search fails; its complement is the position of the ordinary rule among the
        // enforced ones.
        var enforcedBefore = found is null ? 0 : ~found.BinarySearch(ordinary);
        if (reviewed is not null)
        {
            (enforced ??= []).Add(reviewed);
        }

        return new RuleMatches(ordinary == PatternIndex.None ? null : Rules[ordinary], enforced, enforcedBefore);
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

        trace?.OrdinarySearched(name, first);
        return first;
    }

    private List<int>? FindEnforced(in RequestedModels? requested)
    {
        if (requested is not { } names)
        {
            return null;
        }

        return names.All.Contains(RequestedModels.Any)
            ? [.. Rules.Index().Where(static rule => rule.Item.Mode == WhenClientSetsProvider.Enforce).Select(static rule => rule.Index)]
            : _enforced.FindAll(ModelSpellings.OfAll(names.WithPresets()));
    }

    /// <summary>Whether a rule that applies may add the tag of a fast tier to <c>provider</c>.</summary>
    private bool AddsFastTier(in EffectiveModels models, List<int>? enforced, bool clientSets)
    {
        var rule = FindOrdinary(models, trace: null) is not PatternIndex.None and var first ? Rules[first] : null;
        return (rule is { AdmitsFastTier: true } && !(clientSets && rule.Mode == WhenClientSetsProvider.KeepClient))
            || enforced?.Exists(i => Rules[i].AdmitsFastTier) == true;
    }

    private List<ClosedServerTool> FindClosed(in RequestedModels? requested, List<int>? enforced) =>
        requested is { Tools: { Count: > 0 } tools } && enforced is not null
            ? ClosedServerTool.FindAll(tools, enforced, Rules)
            : NothingClosed;

    private static IEnumerable<(int Ordinal, ModelPattern Pattern)> PatternsOf(IReadOnlyList<ProviderRule> rules, bool areEnforced) =>
        from rule in rules.Index()
        where rule.Item.Mode == WhenClientSetsProvider.Enforce == areEnforced
        from pattern in rule.Item.Patterns
        select (rule.Index, pattern);
}
