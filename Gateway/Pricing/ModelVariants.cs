namespace Gateway.Pricing;

/// <summary>The dynamic variants in a model's name that change the cost of a call.</summary>
[Flags]
internal enum ModelVariants
{
    None = 0,

    /// <summary><c>:nitro</c>: providers are sorted by throughput, their fast tiers included.</summary>
    Nitro = 1,
}
