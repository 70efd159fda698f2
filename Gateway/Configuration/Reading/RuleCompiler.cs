using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Compiles the rules of one load and takes over those that the previous load compiled from the same name and JSON: a change of one rule
/// in 10,000 compiles one.
/// </summary>
internal sealed class RuleCompiler
{
    private readonly Dictionary<Key, CompiledRule> _previous;
    private readonly Dictionary<Key, CompiledRule> _current = [];

    /// <param name="previous">The previous load's compiler; <see langword="null"/> for a first load.</param>
    public RuleCompiler(RuleCompiler? previous) => _previous = previous?._current ?? [];

    /// <summary>How many rules this load had to compile.</summary>
    public int Compiled { get; private set; }

    /// <summary>Compiles a rule.</summary>
    /// <param name="entry">Its entry in canonical form.</param>
    /// <param name="defaultName">Its name unless the entry has one.</param>
    public CompiledRule Compile(SettingsNode entry, string defaultName)
    {
        // A name of its own makes the default one irrelevant: such a rule may move.
        var hasName = entry is SettingsObject members && members.Members.ContainsKey(nameof(ProviderRuleSettings.Name));
        var key = new Key(hasName ? null : defaultName, entry.ToUtf8Json());
        if (_current.TryGetValue(key, out var same))
        {
            return same;
        }

        if (!_previous.TryGetValue(key, out var rule))
        {
            rule = Create(key);
            Compiled++;
        }

        _current.Add(key, rule);
        return rule;
    }

    private static CompiledRule Create(Key key)
    {
        var settings = JsonSerializer.Deserialize(key.Json, SettingsJsonContext.Default.ProviderRuleSettings)!;
        var problems = new List<RuleProblem>();
        var rule = ProviderRule.Create(
            settings.Name ?? key.DefaultName!, settings.Model, settings.Provider, settings.WhenClientSetsProvider, problems);
        return new CompiledRule(
            settings.Name, settings.Model, settings.WhenClientSetsProvider, settings.Provider.GetRawText(), rule, problems);
    }

    private readonly record struct Key(string? DefaultName, byte[] Json)
    {
        public bool Equals(Key other) => DefaultName == other.DefaultName && Json.AsSpan().SequenceEqual(other.Json);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(DefaultName);
            hash.AddBytes(Json);
            return hash.ToHashCode();
        }
    }
}
