namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>How an ordinary rule's block goes into a request: what the client set stays, what it left out is added.</summary>
internal static class ProviderFilling
{
    /// <summary>Adds the missing members that the endpoint takes.</summary>
    /// <returns>The names of those added.</returns>
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
