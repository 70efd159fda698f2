using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Finds the rule set that a route's transform names: in the options first, then in the configuration section.</summary>
internal sealed class RuleSetResolver(IOptions<ProviderMappingOptions> options)
{
    /// <summary>The name of the first rule set, which every host has.</summary>
    public const string Default = "Default";

    private readonly ProviderMappingOptions _options = options.Value;

    /// <summary>The names of all rule sets, <see cref="Default"/> first.</summary>
    public IReadOnlyList<string> Names =>
    [
        Default,
        .. _options.RuleSets.Keys
            .Concat(_options.Configured?.Names ?? [])
            .Where(static name => !IsDefault(name))
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .Order(StringComparer.OrdinalIgnoreCase),
    ];

    /// <summary>The rules of a set for a request; <see langword="null"/> if no set has this name.</summary>
    /// <param name="name">The transform's value.</param>
    public Func<HttpContext, ProviderMappingRules>? Find(string name)
    {
        if (IsDefault(name))
        {
            return _options.Rules;
        }

        if (_options.RuleSets.TryGetValue(name, out var rules))
        {
            return rules;
        }

        return _options.Configured is { } configured && configured.Find(name) is not null
            ? _ => configured.Find(name)!
            : null;
    }

    private static bool IsDefault(string name) => string.Equals(name, Default, StringComparison.OrdinalIgnoreCase);
}
