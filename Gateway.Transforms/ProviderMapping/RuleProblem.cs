namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A fault or a warning about a rule, an alias or a rule set.</summary>
/// <param name="Path">
/// The path of the setting, separated by colons, such as <c>Provider:max_price:prompt</c>; empty for the whole.
/// </param>
/// <param name="Message">The given and the expected value, as one line without a full stop.</param>
/// <param name="IsWarning">Whether the setting is accepted nevertheless.</param>
public readonly record struct RuleProblem(string Path, string Message, bool IsWarning = false);
