using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace OpenRouterGateway.Transforms.ProviderMapping.Settings;

/// <summary>
/// The rule sets of a configuration section. When the section's change token fires, all sets are replaced together with one reference
/// write.
/// </summary>
/// <remarks>
/// A set that a reload removes keeps its last rules for the routes that still name it: YARP reloads its routes independently, and a route
/// must never forward a body without its configured rules.
/// </remarks>
internal sealed partial class ConfiguredRuleSets : IDisposable
{
    private readonly IConfiguration _section;
    private readonly string _path;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly IDisposable _registration;

    private volatile Snapshot _current;
    private volatile IChangeToken _token;

    /// <summary>Reads the section and starts to watch it.</summary>
    /// <exception cref="InvalidOperationException">The section has faults; the message lists all of them.</exception>
    public ConfiguredRuleSets(IConfiguration section, ILogger<ConfiguredRuleSets> logger)
    {
        _section = section;
        _path = section is IConfigurationSection { Path.Length: > 0 } named ? named.Path : "";
        _logger = logger;
        _token = section.GetReloadToken();
        var problems = new List<RuleProblem>();
        var json = ConfigurationJson.Write(section, problems);
        var sets = Read(json, problems);
        if (sets is null)
        {
            throw new InvalidOperationException(
                $"Configuration section '{_path}' has faults:{Environment.NewLine}{RuleProblems.Lines(problems, _path)}");
        }

        LogWarnings(problems);
        _current = new Snapshot(json, sets, sets, Fault: null);
        _registration = ChangeToken.OnChange(section.GetReloadToken, Reload);

        // A change between the read and the registration fired the first token only.
        ReloadIfChanged();
    }

    /// <summary>The rules and aliases of the section itself.</summary>
    public ProviderMappingRules Default => _current.Current[RuleSetsReader.Default];

    /// <summary>The names of the current sets. A change with a pending notification is read first.</summary>
    public IReadOnlyCollection<string> Names
    {
        get
        {
            ReloadIfChanged();
            return [.. _current.Configured.Keys];
        }
    }

    /// <summary>The rules of a set, or its last ones if a reload removed it; <see langword="null"/> if the set never existed.</summary>
    public ProviderMappingRules? Find(string name)
    {
        if (_current.Current.TryGetValue(name, out var rules))
        {
            return rules;
        }

        // YARP may validate a route with a new set before this object is notified of the same change.
        ReloadIfChanged();
        return _current.Current.GetValueOrDefault(name);
    }

    /// <inheritdoc />
    public void Dispose() => _registration.Dispose();

    private void ReloadIfChanged()
    {
        if (_token.HasChanged)
        {
            Reload();
        }
    }

    private void Reload()
    {
        lock (_gate)
        {
            // The token is taken before the section is read: a change during the read fires the new token.
            _token = _section.GetReloadToken();
            var problems = new List<RuleProblem>();
            var json = ConfigurationJson.Write(_section, problems);

            // The token fires for every change of the file, and often several times for one change.
            var last = _current;
            if (problems.Count == 0 && last.Fault is null && json.AsSpan().SequenceEqual(last.Json))
            {
                return;
            }

            if (Read(json, problems) is not { } sets)
            {
                var fault = RuleProblems.Line(problems, _path);
                if (fault != last.Fault)
                {
                    Log.ReloadFailed(_logger, _path, fault);
                    _current = last with { Fault = fault };
                }

                return;
            }

            LogWarnings(problems);
            var inForce = new Dictionary<string, ProviderMappingRules>(sets, StringComparer.OrdinalIgnoreCase);
            foreach (var (name, rules) in last.Current)
            {
                if (inForce.TryAdd(name, rules) && last.Configured.ContainsKey(name))
                {
                    Log.RuleSetRemoved(_logger, _path, name);
                }
            }

            _current = new Snapshot(json, sets, inForce, Fault: null);
            Log.Reloaded(_logger, _path, sets.Values.Sum(static set => set.Rules.Count), sets.Values.Sum(static set => set.Aliases.Count));
        }
    }

    private static Dictionary<string, ProviderMappingRules>? Read(byte[] json, List<RuleProblem> problems)
    {
        using var document = JsonDocument.Parse(json, RuleSetsReader.JsonOptions);
        var sets = RuleSetsReader.ReadSets(document.RootElement, problems);
        return RuleProblems.HasFault(problems) ? null : sets;
    }

    private void LogWarnings(List<RuleProblem> problems)
    {
        foreach (var problem in problems)
        {
            Log.Odd(_logger, RuleProblems.Line([problem], _path));
        }
    }

    /// <summary>The result of one read of the section.</summary>
    /// <param name="Json">The section as JSON, to detect changes.</param>
    /// <param name="Configured">The sets of the section.</param>
    /// <param name="Current">The sets of the section, and the last rules of removed sets.</param>
    /// <param name="Fault">The faults of a later read, which was rejected; <see langword="null"/> if there are none.</param>
    private sealed record Snapshot(
        byte[] Json,
        IReadOnlyDictionary<string, ProviderMappingRules> Configured,
        IReadOnlyDictionary<string, ProviderMappingRules> Current,
        string? Fault);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Section} reloaded: {Rules} rules, {Aliases} aliases")]
        public static partial void Reloaded(ILogger logger, string section, int rules, int aliases);

        [LoggerMessage(2, LogLevel.Error, "{Section} has faults and was not reloaded; the last valid rules stay in effect: {Faults}")]
        public static partial void ReloadFailed(ILogger logger, string section, string faults);

        [LoggerMessage(3, LogLevel.Warning, "{Problem}")]
        public static partial void Odd(ILogger logger, string problem);

        [LoggerMessage(4, LogLevel.Warning, "{Section} no longer has the rule set {RuleSet}; routes that still name it keep its last rules")]
        public static partial void RuleSetRemoved(ILogger logger, string section, string ruleSet);
    }
}
