namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Another name for a model: requests that name a model of the pattern are sent with <see cref="Use"/>. Immutable.</summary>
public sealed class ModelAlias
{
    private ModelAlias(ModelPattern pattern, string use, IReadOnlyList<string> fallbacks)
    {
        Pattern = pattern;
        Use = use;
        Fallbacks = fallbacks;
        UseValue = JsonText.Quote(use);
        ModelsMember = fallbacks.Count == 0 ? default : (byte[])[.. "\"models\":"u8, .. JsonText.QuoteAll(fallbacks)];
    }

    /// <summary>The pattern of names that are replaced, as written.</summary>
    public string Model => Pattern.Text;

    /// <summary>The model that is sent in place of the one asked for.</summary>
    public string Use { get; }

    /// <summary>
    /// The models that go in as <c>models</c> where the endpoint takes them and the request has neither <c>models</c> nor
    /// <c>fallbacks</c> of its own; without <see cref="Use"/> and without repetitions. Empty by default.
    /// </summary>
    public IReadOnlyList<string> Fallbacks { get; }

    /// <summary>The pattern of names that are replaced, compiled. A request without a name is never aliased, whatever it is.</summary>
    internal ModelPattern Pattern { get; }

    /// <summary><see cref="Use"/> as a JSON string.</summary>
    internal ReadOnlyMemory<byte> UseValue { get; }

    /// <summary>The member <c>"models":[…]</c>; empty when there are no fallbacks.</summary>
    internal ReadOnlyMemory<byte> ModelsMember { get; }

    /// <summary>Checks the parts of an alias.</summary>
    /// <param name="model">The pattern of names to replace.</param>
    /// <param name="use">The model to send instead.</param>
    /// <param name="fallbacks">Models that go in as <c>models</c>, unless the request has <c>models</c> or <c>fallbacks</c>.</param>
    /// <param name="problems">Takes every fault and warning found, with paths <c>Model</c>, <c>Use</c>, <c>Fallbacks:0</c>.</param>
    /// <returns>The alias, or <see langword="null"/> when a fault was found.</returns>
    public static ModelAlias? Create(string model, string use, IReadOnlyList<string> fallbacks, ICollection<RuleProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(fallbacks);
        ArgumentNullException.ThrowIfNull(problems);
        var pattern = ModelPattern.Create(model, "Model", problems);
        var isGood = IsName(use, "Use", problems);
        var kept = new List<string>();
        for (var i = 0; i < fallbacks.Count; i++)
        {
            var fallback = fallbacks[i];
            if (!IsName(fallback, $"Fallbacks:{i}", problems))
            {
                isGood = false;
            }
            else if (kept.Prepend(use).Contains(fallback, StringComparer.OrdinalIgnoreCase))
            {
                problems.Add(new RuleProblem(
                    $"Fallbacks:{i}", $"{JsonText.Quoted(fallback)} stands before it already and is left out", IsWarning: true));
            }
            else
            {
                kept.Add(fallback);
            }
        }

        return pattern is null || !isGood ? null : new ModelAlias(pattern, use, kept);
    }

    private static bool IsName(string? name, string path, ICollection<RuleProblem> problems)
    {
        if (string.IsNullOrWhiteSpace(name) || !JsonText.IsWellFormed(name))
        {
            problems.Add(new RuleProblem(path, $"got {JsonText.Quoted(name)}, expected the name of a model such as \"openai/gpt-4o\""));
            return false;
        }

        if (name.Contains('*', StringComparison.Ordinal))
        {
            problems.Add(new RuleProblem(
                path, $"{JsonText.Quoted(name)} holds a '*', which is sent as it stands: only 'Model' is a pattern", IsWarning: true));
        }

        return true;
    }
}
