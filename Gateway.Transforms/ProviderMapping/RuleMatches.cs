namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>The rules of a set that apply to one request.</summary>
/// <param name="Ordinary">The first ordinary rule that matches, or <see langword="null"/>.</param>
/// <param name="Enforced">Every enforced rule that matches, in the order of the set; <see langword="null"/> when there is none.</param>
/// <param name="EnforcedBefore">How many of the enforced ones stand before the ordinary one in the set.</param>
internal readonly record struct RuleMatches(ProviderRule? Ordinary, List<ProviderRule>? Enforced, int EnforcedBefore)
{
    /// <summary>Their names in the order of the set, joined by <c>", "</c>; <see langword="null"/> when there is none.</summary>
    public string? Names() => (Ordinary, Enforced) switch
    {
        (_, null or []) => Ordinary?.Name,
        (null, [var only]) => only.Name,
        (null, _) => Join(Enforced),
        _ => Join([.. Enforced.Take(EnforcedBefore), Ordinary, .. Enforced.Skip(EnforcedBefore)]),
    };

    private static string Join(List<ProviderRule> rules) => string.Join(", ", rules.Distinct().Select(static rule => rule.Name));
}
