namespace Gateway.Transforms.ProviderMapping;

/// <summary>Another name for a model: requests that name a model of the pattern are sent with <see cref="Use"/>. Immutable.</summary>
public sealed class ModelAlias
{
    private ModelAlias(string use) => Use = use;

    /// <summary>The model that is sent in place of the one asked for.</summary>
    public string Use { get; }

    /// <summary>Checks the parts of an alias.</summary>
    /// <param name="model">The pattern of names to replace.</param>
    /// <param name="use">The model to send instead.</param>
    /// <param name="fallbacks">Models that go in as <c>models</c>, unless the request has <c>models</c> or <c>fallbacks</c> of its own.</param>
    /// <param name="problems">Takes every fault and warning found, with paths <c>Model</c>, <c>Use</c>, <c>Fallbacks:0</c>.</param>
    /// <returns>The alias, or <see langword="null"/> when a fault was found.</returns>
    public static ModelAlias? Create(string model, string use, IReadOnlyList<string> fallbacks, ICollection<RuleProblem> problems) =>
        throw new NotSupportedException();
}
