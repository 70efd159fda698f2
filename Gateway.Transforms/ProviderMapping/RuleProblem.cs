namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>What is wrong, or odd, with a rule or an alias as written.</summary>
/// <param name="Path">
/// The setting below the rule, separated by colons, such as <c>Provider:max_price:prompt</c>; empty for the rule itself.
/// </param>
/// <param name="Message">What was given and what was expected, one sentence without a full stop.</param>
/// <param name="IsWarning">Whether the rule works all the same.</param>
public readonly record struct RuleProblem(string Path, string Message, bool IsWarning = false);
