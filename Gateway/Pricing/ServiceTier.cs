namespace Gateway.Pricing;

/// <summary>The service tier that a request asks for.</summary>
internal enum ServiceTier
{
    /// <summary>None: the variant <c>:nitro</c> may choose a fast one.</summary>
    Unstated,

    /// <summary>The standard one, or one that is cheaper.</summary>
    Standard,

    /// <summary>A faster and dearer one.</summary>
    Fast,
}
