namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Which block wins if the client sends a <c>provider</c> object of its own. <c>null</c> counts as not sent.</summary>
public enum WhenClientSetsProvider
{
    /// <summary>The client wins: its object is kept unchanged. The default.</summary>
    KeepClient,

    /// <summary>The client wins member by member: its members are kept, missing ones are added from the rule.</summary>
    Fill,

    /// <summary>The rule wins, and can only narrow the client's object. A request that cannot satisfy both is refused with 403.</summary>
    Enforce,
}
