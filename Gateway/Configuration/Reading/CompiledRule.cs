using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Reading;

/// <summary>A rule of the settings file, compiled. Immutable; depends on its name and its JSON alone.</summary>
/// <param name="GivenName">The name in the entry; <see langword="null"/> when the default holds.</param>
/// <param name="Models">The patterns as written.</param>
/// <param name="Mode">Who wins when the client sets <c>provider</c>.</param>
/// <param name="Block">The block's JSON.</param>
/// <param name="Rule">The rule; <see langword="null"/> when a problem keeps it from being one.</param>
/// <param name="Problems">Faults and warnings, with paths from the entry on.</param>
internal sealed record CompiledRule(
    string? GivenName,
    IReadOnlyList<string> Models,
    WhenClientSetsProvider Mode,
    string Block,
    ProviderRule? Rule,
    IReadOnlyList<RuleProblem> Problems);
