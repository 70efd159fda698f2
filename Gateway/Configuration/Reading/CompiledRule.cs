using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Reading;

/// <summary>A rule of the settings file, compiled. Immutable; depends only on its name and its JSON.</summary>
/// <param name="GivenName">The name in the entry; <see langword="null"/> for the default.</param>
/// <param name="Models">The patterns as written.</param>
/// <param name="Mode">Which block wins if the client sets <c>provider</c>.</param>
/// <param name="Block">The block's JSON.</param>
/// <param name="Rule">The rule; <see langword="null"/> after a fault.</param>
/// <param name="Problems">Faults and warnings, with paths relative to the entry.</param>
internal sealed record CompiledRule(
    string? GivenName,
    IReadOnlyList<string> Models,
    WhenClientSetsProvider Mode,
    string Block,
    ProviderRule? Rule,
    IReadOnlyList<RuleProblem> Problems);
