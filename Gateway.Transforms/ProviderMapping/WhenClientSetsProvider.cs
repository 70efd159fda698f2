namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Who wins when the client sent a <c>provider</c> object of its own. <c>null</c> counts as not sent.</summary>
public enum WhenClientSetsProvider
{
    /// <summary>The client's object stays untouched: an explicit <c>provider</c> is the caller's manual control. The default.</summary>
    KeepClient,

    /// <summary>Member by member: what the client set stays, what it left out is added from the rule.</summary>
    Fill,

    /// <summary>The rule may only narrow what the client allows, never widen it; a request that cannot satisfy both is refused.</summary>
    Enforce,
}
