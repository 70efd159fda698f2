namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The service tier that a value of <c>service_tier</c> or <c>speed</c> asks for.</summary>
internal enum StatedTier
{
    /// <summary>None: <c>null</c> or <c>auto</c>.</summary>
    Unstated,

    /// <summary>The standard tier, or one that is cheaper.</summary>
    Standard,

    /// <summary>A fast tier, which serves some models as <c>MODEL-fast</c>.</summary>
    Fast,

    /// <summary>A value that is not known, and may be a fast tier.</summary>
    Unknown,
}
