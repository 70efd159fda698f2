using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Rules;

/// <summary>A rule as written, for reports.</summary>
/// <param name="Name">The rule's name.</param>
/// <param name="Source">The flag, variable or setting that defines it.</param>
/// <param name="Models">Its patterns.</param>
/// <param name="Mode">Which block wins if the client sends one.</param>
/// <param name="Block">The block as JSON.</param>
/// <param name="ServerTools">
/// The patterns of the server tools that the rule leaves open; <see langword="null"/> for a rule that closes none.
/// </param>
internal sealed record RuleSummary(
    string Name,
    string Source,
    IReadOnlyList<string> Models,
    WhenClientSetsProvider Mode,
    string Block,
    IReadOnlyList<string>? ServerTools = null);
