using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>Finds members of a rule's <c>provider</c> block that are valid but probably not meant.</summary>
internal static class OddCombinations
{
    private const string Root = ProviderBlockReader.Root;

    /// <summary>The warnings about a block, with the paths of the settings.</summary>
    public static IEnumerable<(string Path, string Message)> Find(ProviderBlock block, WhenClientSetsProvider mode) =>
        FindCosts(block).Concat(FindContradictions(block, mode));

    private static IEnumerable<(string Path, string Message)> FindCosts(ProviderBlock block)
    {
        if (block.Order is { Names.Count: > 0 })
        {
            yield return ($"{Root}:order", "'order' switches off OpenRouter's load balancing, its sticky prompt-cache routing and the tiers of "
                + "':nitro' and ':floor'; 'only' and 'ignore' do not");
        }
        else if (block.Members.Any(member => member.Name == "sort"))
        {
            yield return ($"{Root}:sort", "'sort' switches off OpenRouter's load balancing");
        }
    }

    private static IEnumerable<(string Path, string Message)> FindContradictions(ProviderBlock block, WhenClientSetsProvider mode)
    {
        if (block.Order is { Names.Count: > 0 } && block.Members.Any(member => member.Name == "sort"))
        {
            yield return ($"{Root}:sort", "has no effect beside 'order'");
        }

        if (block.Order is null && block.Only is null
            && block.Members.Any(member => member is { Name: "allow_fallbacks", Kind: JsonValueKind.False }))
        {
            yield return (
                $"{Root}:allow_fallbacks",
                "is false without 'order' or 'only': OpenRouter tries only the first provider that it picks");
        }

        foreach (var name in block.Order?.Names ?? [])
        {
            if (block.Only is { } only && !only.Covers(name) && only.CoveredBy(name).Count == 0)
            {
                yield return ($"{Root}:order", $"names {JsonText.Quoted(name.Text)}, which 'only' excludes");
            }
            else if (IsIgnored(name))
            {
                yield return ($"{Root}:order", $"names {JsonText.Quoted(name.Text)}, which 'ignore' excludes");
            }
        }

        foreach (var name in block.Only?.Names ?? [])
        {
            if (IsIgnored(name))
            {
                yield return ($"{Root}:only", $"names {JsonText.Quoted(name.Text)}, which 'ignore' excludes");
            }
        }

        if (mode == WhenClientSetsProvider.Enforce && block.Members.All(member => ProviderMembers.IsPreference(member.Name)))
        {
            yield return (Root, "enforces nothing: its members are preferences, and a client can still reach every provider");
        }

        bool IsIgnored(ProviderListEntry name) =>
            block.Ignore is { } ignored && (mode == WhenClientSetsProvider.Enforce ? ignored.Denies(name) : ignored.Covers(name));
    }
}
