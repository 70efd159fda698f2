namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>The rules of a set that match one request.</summary>
/// <param name="Ordinary">The first ordinary rule that matches, or <see langword="null"/>.</param>
/// <param name="Enforced">The enforced rules that match, in the order of the set; <see langword="null"/> if there are none.</param>
/// <param name="EnforcedBefore">The number of enforced rules that come before the ordinary one in the set.</param>
internal readonly record struct RuleMatches(ProviderRule? Ordinary, List<ProviderRule>? Enforced, int EnforcedBefore)
{
    /// <summary>The names of the rules in the order of the set, joined by <c>", "</c>; <see langword="null"/> if there are none.</summary>
    public string? Names() => (Ordinary, Enforced) switch
    {
        (_, null or []) => Ordinary?.Name,
        (null, [var only]) => only.Name,
        (null, _) => Join(Enforced),
        _ => Join([.. Enforced.Take(EnforcedBefore), Ordinary, .. Enforced.Skip(EnforcedBefore)]),
    };

    private static string Join(List<ProviderRule> rules) => string.Join(", ", rules.Distinct().Select(static rule => rule.Name));
}
