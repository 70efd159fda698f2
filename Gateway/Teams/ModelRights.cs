using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Teams;

/// <summary>The models that a team, or a key within its team, may use. Every model name in a request is checked in every spelling that it may stand for.</summary>
/// <param name="allowed">The allow-list: one pattern must match. <see langword="null"/> allows all models.</param>
/// <param name="denied">The deny-list: no pattern may match.</param>
internal sealed class ModelRights(IReadOnlyList<ModelPattern>? allowed, IReadOnlyList<ModelPattern> denied)
{
    private readonly ModelPatternSet? _allowed = allowed is null ? null : new(allowed);
    private readonly ModelPatternSet? _allowedPresets = allowed is null ? null : new(allowed.Where(NamesPresets));
    private readonly ModelPatternSet? _denied = denied.Count == 0 ? null : new(denied);
    private readonly bool _deniesPresets = denied.Any(NamesPresets);

    // Rights that hold in addition.
    private ModelRights? _outer;

    public static ModelRights All { get; } = new(null, []);

    /// <summary>Whether every model is allowed.</summary>
    public bool IsUnlimited => allowed is null && denied.Count == 0 && _outer is null;

    /// <summary>
    /// The patterns of the allow-list, as written; <see langword="null"/> if all models are allowed. Of narrowed rights, those of the inner ones.
    /// </summary>
    public IReadOnlyList<ModelPattern>? Allowed => allowed;

    /// <summary>The patterns of the deny-list, as written.</summary>
    public IReadOnlyList<ModelPattern> Denied => denied;

    /// <summary>The rights within these: each model needs to be allowed by both.</summary>
    public ModelRights Narrow(ModelRights inner) =>
        inner.IsUnlimited ? this
        : IsUnlimited ? inner
        : new ModelRights(inner.Allowed, inner.Denied) { _outer = this };

    /// <summary>Checks the models and presets of a request.</summary>
    /// <remarks>
    /// A name is denied if any spelling of it (<see cref="ModelSpellings"/>), of its model or of its preset matches the deny-list. With an
    /// allow-list, every name needs a spelling that matches. A preset selects the model at upstream, so it needs a pattern for presets that
    /// matches <c>@preset/x</c>, and the model beside it must be allowed as well. A request without a model counts as the empty name. It
    /// gets the default model of the account, so it needs the same rights as <see cref="RequestedModels.Any"/>.
    /// </remarks>
    /// <param name="names">
    /// Every model of the request after aliases: <c>model</c>, <c>models</c> and <c>fallbacks</c>, earlier duplicates included, as written;
    /// and those of server tools. <see cref="RequestedModels.Any"/> stands for any model: it needs the pattern <c>*</c> in the allow-list,
    /// and an empty deny-list.
    /// </param>
    /// <param name="presets">Every <c>preset</c> member that is not null: its text, or null if it is not a string.</param>
    /// <returns>The refused name, empty for a request without a model; <see langword="null"/> if all are allowed.</returns>
    public string? Refuse(IReadOnlyList<string> names, IReadOnlyList<string?> presets)
    {
        if (IsUnlimited)
        {
            return null;
        }

        if (_outer?.Refuse(names, presets) is { } refused)
        {
            return refused;
        }

        if (names.Count == 0 && presets.Count == 0)
        {
            return IsAllowed("") ? null : "";
        }

        for (var i = 0; i < names.Count; i++)
        {
            if (!IsAllowed(names[i]))
            {
                return names[i];
            }
        }

        for (var i = 0; i < presets.Count; i++)
        {
            if (!IsAllowedPreset(presets[i]))
            {
                return ModelSpellings.PresetMark + presets[i];
            }
        }

        return null;
    }

    private bool IsAllowed(string name)
    {
        // Any model, such as the account's default for a request without one, may be one of the denied ones.
        if (_denied is not null && (name == RequestedModels.Any || IsBlank(name)))
        {
            return false;
        }

        if (!ModelSpellings.NamesPreset(name))
        {
            return IsAllowedPlain(name);
        }

        // With two presets it is unknown which one upstream uses.
        return SplitAtPresets(name) is { } parts
            && !MatchesAny(_denied, name)
            && (_allowed is null || parts.Count == 2)
            && (IsBlank(parts[0]) || IsAllowedPlain(parts[0]))
            && parts.Skip(1).All(IsAllowedPreset);
    }

    /// <summary>The model and the presets of a name; <see langword="null"/> for more than <see cref="ModelSpellings.MaxPresets"/>.</summary>
    private static List<string>? SplitAtPresets(string name)
    {
        var parts = new List<string>();
        var rest = name.AsSpan();
        while (rest.IndexOf(ModelSpellings.PresetMark, StringComparison.OrdinalIgnoreCase) is >= 0 and var at)
        {
            if (parts.Count == ModelSpellings.MaxPresets)
            {
                return null;
            }

            parts.Add(rest[..at].ToString());
            rest = rest[(at + ModelSpellings.PresetMark.Length)..];
        }

        parts.Add(rest.ToString());
        return parts;
    }

    private bool IsAllowedPreset(string? preset)
    {
        if (preset is null)
        {
            // A preset that is not a string may stand for any: all presets must be allowed, and none denied.
            return !_deniesPresets && !MatchesAny(_denied, ModelSpellings.PresetMark) && _allowedPresets?.IsMatch(ModelSpellings.PresetMark) != false;
        }

        if (preset.Length > RoutingMemberCollector.MaxModelNameLength)
        {
            return false;
        }

        if (ModelSpellings.NamesPreset(preset))
        {
            return IsAllowed(preset);
        }

        var name = ModelSpellings.PresetMark + preset.Trim();
        if (MatchesAny(_denied, name))
        {
            return false;
        }

        return _allowedPresets is null
            || ModelSpellings.Of(name).Any(spelling => ModelSpellings.NamesPreset(spelling) && _allowedPresets.IsMatch(spelling));
    }

    private bool IsAllowedPlain(string name) => !MatchesAny(_denied, name) && (_allowed is null || MatchesAny(_allowed, name));

    /// <summary>Whether any spelling of a name matches. An ordinary name has one spelling and causes no allocation.</summary>
    private static bool MatchesAny(ModelPatternSet? patterns, string name)
    {
        if (patterns is null)
        {
            return false;
        }

        if (IsOrdinary(name))
        {
            return patterns.IsMatch(name);
        }

        foreach (var spelling in ModelSpellings.Of(name))
        {
            if (patterns.IsMatch(spelling))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOrdinary(string name) =>
        name.Length == 0
        || (name.AsSpan().IndexOfAny('~', ':', '@') < 0 && !char.IsWhiteSpace(name[0]) && !char.IsWhiteSpace(name[^1]));

    private static bool IsBlank(string model) => string.IsNullOrWhiteSpace(model.Replace('~', ' '));

    private static bool NamesPresets(ModelPattern pattern) => ModelSpellings.NamesPreset(pattern.Text);
}
