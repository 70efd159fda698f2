using System.Text.Json;

namespace Gateway.Transforms.ProviderMapping;

/// <summary>One provider rule: which models it is for, and the <c>provider</c> block that goes into their requests. Immutable.</summary>
public sealed class ProviderRule
{
    private ProviderRule(string name, WhenClientSetsProvider mode)
    {
        Name = name;
        Mode = mode;
    }

    /// <summary>The rule's name, <c>[A-Za-z0-9._-]{1,64}</c>; answers carry it in <c>x-gateway-rule</c>.</summary>
    public string Name { get; }

    /// <summary>Who wins when the client sent a <c>provider</c> of its own.</summary>
    public WhenClientSetsProvider Mode { get; }

    /// <summary>Checks the parts of a rule and renders its block once.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="models">One or more model patterns.</param>
    /// <param name="provider">The block, with OpenRouter's own member names.</param>
    /// <param name="mode">Who wins over a client's own block.</param>
    /// <param name="problems">Takes every fault and warning found.</param>
    /// <returns>The rule, or <see langword="null"/> when a fault was found.</returns>
    public static ProviderRule? Create(
        string name, IReadOnlyList<string> models, JsonElement provider, WhenClientSetsProvider mode, ICollection<RuleProblem> problems) =>
        throw new NotSupportedException();

    /// <summary>Reads the command line's shorthand <c>PATTERN=P1,P2</c>, which means <c>{"order":["P1","P2"]}</c>.</summary>
    /// <param name="mapping">The text; it splits at its first <c>=</c>, blanks around names are trimmed.</param>
    /// <param name="name">The rule's name.</param>
    /// <param name="problems">Takes every fault and warning found; paths are empty.</param>
    /// <returns>The rule, or <see langword="null"/> when a fault was found.</returns>
    public static ProviderRule? ParseMapping(string mapping, string name, ICollection<RuleProblem> problems) => throw new NotSupportedException();
}
