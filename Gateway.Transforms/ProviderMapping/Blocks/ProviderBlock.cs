using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>A rule's <c>provider</c> block, parsed once. Immutable.</summary>
internal sealed class ProviderBlock
{
    /// <summary>Parses the members with lists or limits.</summary>
    /// <param name="members">The valid members in the order written. Members without effect are already removed.</param>
    public ProviderBlock(IReadOnlyList<ProviderMember> members)
    {
        Members = members;
        Order = Names("order");
        Only = Names("only");
        Ignore = Names("ignore");
        Quantizations = Names("quantizations");
        MaxPrice = Prices();
        RestrictsProviders = Only is not null
            || Find("zdr") is { Kind: JsonValueKind.True }
            || (Find("data_collection") is { Kind: JsonValueKind.String } collection
                && JsonStringDecoder.Decode(collection.Value.Span[1..^1]) == "deny");
    }

    /// <summary>The members in the order written.</summary>
    public IReadOnlyList<ProviderMember> Members { get; }

    /// <summary>The entries of <c>order</c>; <see langword="null"/> if the block has none.</summary>
    public ProviderList? Order { get; }

    /// <summary>The entries of <c>only</c>; <see langword="null"/> if the block has none.</summary>
    public ProviderList? Only { get; }

    /// <summary>The entries of <c>ignore</c>; <see langword="null"/> if the block has none.</summary>
    public ProviderList? Ignore { get; }

    /// <summary>The entries of <c>quantizations</c>; <see langword="null"/> if the block has none.</summary>
    public ProviderList? Quantizations { get; }

    /// <summary>The components of <c>max_price</c>; <see langword="null"/> if the block has none.</summary>
    public List<PriceLimit>? MaxPrice { get; }

    /// <summary>
    /// Whether the block restricts the providers that see a request, or their use of it: it has <c>only</c>, <c>zdr: true</c> or
    /// <c>data_collection: deny</c>.
    /// </summary>
    public bool RestrictsProviders { get; }

    private ProviderList? Names(string name) =>
        Find(name) is { } member && ProviderListEntry.ReadAll(member.Value) is { } names ? new ProviderList(names) : null;

    private List<PriceLimit>? Prices()
    {
        if (Find("max_price") is not { } member)
        {
            return null;
        }

        var limits = new List<PriceLimit>();
        foreach (var price in JsonMember.ReadAll(member.Value.Span))
        {
            if (PriceLimit.TryParse(member.Value.Span[price.ValueStart..price.ValueEnd], price.Kind, out var value))
            {
                limits.Add(new PriceLimit(price.Name, member.Value[price.Start..price.ValueEnd], value));
            }
        }

        return limits;
    }

    private ProviderMember? Find(string name)
    {
        foreach (var member in Members)
        {
            if (member.Name == name)
            {
                return member;
            }
        }

        return null;
    }
}
