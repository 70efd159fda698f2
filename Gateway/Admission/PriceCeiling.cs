using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Gateway.Pricing;
using Gateway.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Admission;

/// <summary>
/// Creates enforced rules that exclude providers above a price, by OpenRouter's <c>max_price</c> in US dollars per million tokens. Rules
/// are cached by price.
/// </summary>
internal static class PriceCeiling
{
    private const string Name = "max-price";
    private const long TokensPerPrice = 1_000_000;

    // The limit of the cache, well above the number of prices in a list. Beyond it most entries belong to outdated lists.
    private const int MaxRules = 10_000;

    private static readonly ConcurrentDictionary<(PicoDollars Prompt, PicoDollars Completion), ProviderRule> Rules = new();

    public static ProviderRule RuleFor(in ModelPrice price)
    {
        var key = (price.Prompt, price.CompletionToken);
        if (Rules.TryGetValue(key, out var rule))
        {
            return rule;
        }

        if (Rules.Count >= MaxRules)
        {
            Rules.Clear();
        }

        return Rules[key] = Create(price);
    }

    private static ProviderRule Create(in ModelPrice price)
    {
        var block = $$$"""{"max_price":{"prompt":{{{price.Prompt * TokensPerPrice}}},"completion":{{{price.CompletionToken * TokensPerPrice}}}}}""";
        using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(block));
        var problems = new List<RuleProblem>();
        return ProviderRule.TryCreate(Name, ["*"], document.RootElement, WhenClientSetsProvider.Enforce, problems, out var rule)
            ? rule
            : throw new InvalidOperationException($"The block {block} is not a valid rule: {string.Join("; ", problems)}");
    }
}
