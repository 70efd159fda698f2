using System.Diagnostics.CodeAnalysis;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>An alias of a model: requests that name a model of the pattern are sent with <see cref="Use"/>. Immutable.</summary>
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

    /// <summary>The pattern of the names to replace, as written.</summary>
    public string Model => Pattern.Text;

    /// <summary>The model to send instead.</summary>
    public string Use { get; }

    /// <summary>
    /// The models that are added as <c>models</c> if the endpoint takes them and the request has neither <c>models</c> nor
    /// <c>fallbacks</c>. <see cref="Use"/> and repetitions are left out. Default: empty.
    /// </summary>
    public IReadOnlyList<string> Fallbacks { get; }

    /// <summary>The compiled pattern. It is not applied to a request without a model, even if it is <c>*</c>.</summary>
    internal ModelPattern Pattern { get; }

    /// <summary><see cref="Use"/> as a JSON string.</summary>
    internal ReadOnlyMemory<byte> UseValue { get; }

    /// <summary>The member <c>"models":[…]</c>; empty when there are no fallbacks.</summary>
    internal ReadOnlyMemory<byte> ModelsMember { get; }

    /// <summary>Parses an alias in the shape of the settings.</summary>
    /// <param name="json">
    /// A JSON object with <c>Model</c> (a pattern), <c>Use</c> and, optionally, <c>Fallbacks</c>. Comments and trailing commas are allowed.
    /// </param>
    /// <exception cref="FormatException">The text has faults; the message lists all of them, one per line.</exception>
    public static ModelAlias Parse([StringSyntax(StringSyntaxAttribute.Json)] string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return RuleSetsReader.Parse(json, "alias", RuleSetsReader.ReadAlias);
    }

    /// <summary>Creates an alias from its parts.</summary>
    /// <param name="model">The pattern of the names to replace; a <c>*</c> matches any run of characters.</param>
    /// <param name="use">The model to send instead.</param>
    /// <param name="fallbacks">See <see cref="Fallbacks"/>; may be empty.</param>
    /// <param name="problems">Receives every fault and warning, with paths such as <c>Model</c>, <c>Use</c> and <c>Fallbacks:0</c>.</param>
    /// <param name="alias">The alias; <see langword="null"/> after a fault.</param>
    /// <returns>Whether there was no fault. Warnings do not prevent an alias.</returns>
    public static bool TryCreate(
        string model,
        string use,
        IReadOnlyList<string> fallbacks,
        ICollection<RuleProblem> problems,
        [NotNullWhen(true)] out ModelAlias? alias)
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
                    $"Fallbacks:{i}", $"{JsonText.Quoted(fallback)} is listed before it already and is left out", IsWarning: true));
            }
            else
            {
                kept.Add(fallback);
            }
        }

        alias = pattern is null || !isGood ? null : new ModelAlias(pattern, use, kept);
        return alias is not null;
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
                path, $"{JsonText.Quoted(name)} contains a '*', which is sent as written: only 'Model' is a pattern", IsWarning: true));
        }

        return true;
    }
}
