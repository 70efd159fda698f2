using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>Records the outcome of each alias and rule while a decision is made. Used for explanations, not on the request path.</summary>
internal sealed class DecisionTrace
{
    private readonly IReadOnlyList<ModelAlias> _aliases;
    private readonly IReadOnlyList<ProviderRule> _rules;
    private readonly Dictionary<ModelAlias, AliasRecord> _aliasRecords = [];
    private readonly Dictionary<ProviderRule, ExplainedStep> _ruleSteps = [];

    /// <summary>A trace for one request.</summary>
    public DecisionTrace(IReadOnlyList<ModelAlias> aliases, IReadOnlyList<ProviderRule> rules)
    {
        _aliases = aliases;
        _rules = rules;
        foreach (var alias in aliases)
        {
            _aliasRecords[alias] = new AliasRecord();
        }
    }

    /// <summary>Records the search of the aliases for a name: those up to the match were tried, later ones were not.</summary>
    /// <param name="name">The name.</param>
    /// <param name="found">The index of the first match, or <see cref="PatternIndex.None"/>.</param>
    public void AliasSearched(string name, int found)
    {
        for (var i = 0; i < _aliases.Count; i++)
        {
            var record = _aliasRecords[_aliases[i]];
            if (found == PatternIndex.None || i < found)
            {
                record.Tried.Add(name);
            }
            else if (i == found)
            {
                record.Tried.Add(name);
                record.Matched.Add(name);
            }
            else
            {
                record.Earlier = _aliases[found];
            }
        }
    }

    /// <summary>Records that an alias replaced a name.</summary>
    public void AliasReplaced(ModelAlias alias, string name) => _aliasRecords[alias].Replaced.Add(name);

    /// <summary>Records that an alias added its fallbacks.</summary>
    public void AliasAddedFallbacks(ModelAlias alias) => _aliasRecords[alias].HasAddedFallbacks = true;

    /// <summary>
    /// Records the search of the ordinary rules for a name: those before the first match do not match, later ones were not tried.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="first">The index of the first match, or <see cref="PatternIndex.None"/>.</param>
    public void OrdinarySearched(string name, int first)
    {
        for (var i = 0; i < _rules.Count; i++)
        {
            if (_rules[i].Mode == WhenClientSetsProvider.Enforce || i == first)
            {
                continue;
            }

            if (first == PatternIndex.None || i < first)
            {
                NotMatched(_rules[i], [name]);
            }
            else
            {
                SkippedBehind(_rules[i], _rules[first]);
            }
        }
    }

    /// <summary>Records that ordinary rules were skipped because the request refers to a preset. Some of them match its name.</summary>
    public void OrdinarySkipped(string name)
    {
        foreach (var rule in _rules)
        {
            if (rule.Mode == WhenClientSetsProvider.Enforce)
            {
                continue;
            }

            if (rule.Patterns.Any(pattern => pattern.IsMatch(name)))
            {
                Add(
                    rule,
                    ExplainedOutcome.SkippedBecausePreset,
                    "Matches, but the request refers to a preset, whose own block a 'provider' would replace.",
                    [name]);
            }
            else
            {
                NotMatched(rule, [name]);
            }
        }
    }

    /// <summary>Records the search of the enforced rules: those not found do not match.</summary>
    public void EnforcedSearched(List<string> names, List<int>? found)
    {
        for (var i = 0; i < _rules.Count; i++)
        {
            if (_rules[i].Mode == WhenClientSetsProvider.Enforce && (found is null || found.BinarySearch(i) < 0))
            {
                NotMatched(_rules[i], names);
            }
        }
    }

    /// <summary>Records the outcome of a rule that matches.</summary>
    public void Add(
        ProviderRule rule,
        ExplainedOutcome outcome,
        string sentence,
        IReadOnlyList<string>? names = null,
        IReadOnlyList<string>? members = null) => _ruleSteps[rule] = new ExplainedStep(IsAlias: false, rule.Name, outcome, sentence)
        {
            Patterns = rule.Models,
            Names = names ?? [],
            Members = members ?? [],
        };

    /// <summary>Records the outcomes of the enforced rules that match, up to the one that refused the request.</summary>
    public void Enforced(List<ProviderRule> rules, IReadOnlyList<List<string>> changes, RuleRefusal? refusal)
    {
        var reached = refusal is null ? rules.Count : rules.IndexOf(refusal.Rule);
        for (var i = 0; i < reached; i++)
        {
            if (changes[i].Count == 0)
            {
                Add(rules[i], ExplainedOutcome.NothingToAdd, "Matches, and the request is already within its limits.");
            }
            else
            {
                Add(rules[i], ExplainedOutcome.Narrowed, $"Matches, and narrows {List(changes[i])}.", null, changes[i]);
            }
        }

        if (refusal is not null)
        {
            Add(refusal.Rule, ExplainedOutcome.Refused, refusal.Rejection.Message);
        }
    }

    /// <summary>Every alias, then every rule, in the order of the set.</summary>
    public IReadOnlyList<ExplainedStep> Steps() =>
    [
        .. _aliases.Select(alias => AliasStep(alias, _aliasRecords[alias])),
        .. _rules.Select(rule => _ruleSteps.GetValueOrDefault(rule) ?? NotReached(rule)),
    ];

    /// <summary>Formats names for a sentence.</summary>
    public static string List(IReadOnlyList<string> names) => string.Join(", ", names.Select(name => $"'{name}'"));

    private void NotMatched(ProviderRule rule, IReadOnlyList<string> names) => Add(
        rule,
        ExplainedOutcome.NotMatched,
        $"No match: {List(rule.Models)} against {(names is [""] ? "a request without a model" : List(names))}.",
        names);

    private void SkippedBehind(ProviderRule rule, ProviderRule earlier) => _ruleSteps[rule] = new ExplainedStep(
        IsAlias: false,
        rule.Name,
        ExplainedOutcome.SkippedBecauseEarlierRuleMatched,
        $"Not tried: rule '{earlier.Name}' matched first.")
    {
        Patterns = rule.Models,
        Earlier = earlier.Name,
    };

    private static ExplainedStep NotReached(ProviderRule rule) =>
        new(IsAlias: false, rule.Name, ExplainedOutcome.NotReached, "Not reached: the request was refused earlier.")
        {
            Patterns = rule.Models,
        };

    private static ExplainedStep AliasStep(ModelAlias alias, AliasRecord record)
    {
        var (outcome, sentence, names) = record switch
        {
            { Replaced.Count: > 0, HasAddedFallbacks: true } => (
                ExplainedOutcome.Applied,
                $"{List(record.Replaced)} is sent as '{alias.Use}', with {List(alias.Fallbacks)} as fallbacks.",
                record.Replaced),
            { Replaced.Count: > 0 } => (
                ExplainedOutcome.Applied, $"{List(record.Replaced)} is sent as '{alias.Use}'.", record.Replaced),
            { HasAddedFallbacks: true } => (
                ExplainedOutcome.Applied,
                $"{List(record.Matched)} is already the model to send; {List(alias.Fallbacks)} are added as fallbacks.",
                record.Matched),
            { Matched.Count: > 0 } => (
                ExplainedOutcome.NothingToAdd,
                $"{List(record.Matched)} matches, but the request is sent unchanged.",
                record.Matched),
            { Tried.Count: 0, Earlier: not null } => (
                ExplainedOutcome.SkippedBecauseEarlierRuleMatched,
                $"Not tried: alias '{record.Earlier.Model}' matched first.",
                record.Tried),
            { Tried.Count: 0 } => (ExplainedOutcome.NotMatched, "The request names no model.", record.Tried),
            _ => (ExplainedOutcome.NotMatched, $"No match: '{alias.Model}' against {List(record.Tried)}.", record.Tried),
        };
        return new ExplainedStep(IsAlias: true, alias.Model, outcome, sentence)
        {
            Patterns = [alias.Model],
            Names = names,
            Earlier = outcome == ExplainedOutcome.SkippedBecauseEarlierRuleMatched ? record.Earlier?.Model : null,
        };
    }

    private sealed class AliasRecord
    {
        public List<string> Tried { get; } = [];

        public List<string> Matched { get; } = [];

        public List<string> Replaced { get; } = [];

        public bool HasAddedFallbacks { get; set; }

        public ModelAlias? Earlier { get; set; }
    }
}
