namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>Adds an ordinary rule's block to a request. Members of the client are kept.</summary>
internal static class ProviderFilling
{
    /// <summary>Adds the missing members that the endpoint accepts.</summary>
    /// <returns>The names of the added members.</returns>
    public static IReadOnlyList<string> Fill(MutableProviderBlock block, ProviderRule rule, RequestEndpoint endpoint)
    {
        List<string>? added = null;
        foreach (var member in rule.Block.Members)
        {
            if (ProviderMembers.IsTakenBy(endpoint, member.Name) && block.Get(member.Name) is null)
            {
                block.Set(member);
                (added ??= []).Add(member.Name);
            }
        }

        return added ?? [];
    }
}
