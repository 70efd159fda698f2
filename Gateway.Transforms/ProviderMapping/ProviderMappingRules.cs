using System.Buffers;
using Gateway.Transforms.RequestBody;

namespace Gateway.Transforms.ProviderMapping;

/// <summary>An ordered set of rules and aliases, compiled once; the whole decision about a request, with no HTTP in it. Immutable.</summary>
public sealed class ProviderMappingRules
{
    /// <summary>Creates a set.</summary>
    /// <param name="rules">Rules in order; of the ordinary ones the first match applies, of the enforced ones every match.</param>
    /// <param name="aliases">Aliases in order; the first match applies, once.</param>
    public ProviderMappingRules(IReadOnlyList<ProviderRule> rules, IReadOnlyList<ModelAlias> aliases)
    {
        Rules = rules;
        Aliases = aliases;
    }

    /// <summary>No rules, no aliases: every body passes untouched.</summary>
    public static ProviderMappingRules Empty { get; } = new([], []);

    /// <summary>The rules in order.</summary>
    public IReadOnlyList<ProviderRule> Rules { get; }

    /// <summary>The aliases in order.</summary>
    public IReadOnlyList<ModelAlias> Aliases { get; }

    /// <summary>Decides what is to be changed in a body, or why the request is refused.</summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    /// <param name="endpoint">Which endpoint the request is for; it decides which members of a block are taken.</param>
    public ProviderMappingDecision Decide(BodyFacts facts, ReadOnlySequence<byte> body, RequestEndpoint endpoint) => throw new NotSupportedException();
}
