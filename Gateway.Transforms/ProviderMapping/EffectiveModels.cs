using System.Text.Json;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// The models that a request names, after aliases. The first alias that matches a name replaces it. The result is not aliased again.
/// </summary>
internal readonly struct EffectiveModels
{
    private readonly BodyFacts _facts;
    private readonly ModelAlias?[]? _aliasOf;
    private readonly ModelAlias? _addsFallbacks;

    private EffectiveModels(BodyFacts facts, ModelAlias?[]? aliasOf, ModelAlias? addsFallbacks, string? model)
    {
        _facts = facts;
        _aliasOf = aliasOf;
        _addsFallbacks = addsFallbacks;
        Model = model;
    }

    /// <summary>The model that ordinary rules match, after aliases; <see langword="null"/> if the request names none.</summary>
    public string? Model { get; }

    /// <summary>
    /// All model names that are sent upstream: those of <c>model</c>, <c>models</c> and <c>fallbacks</c> after aliases, the fallbacks of an
    /// alias, and the names in earlier duplicates, which stay in the body although no parser reads them. Empty if the request names no
    /// model.
    /// </summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            if (_aliasOf is null && _addsFallbacks is null)
            {
                return _facts.Models is [var only] ? [only.Text] : [.. _facts.Models.Select(static name => name.Text)];
            }

            var names = new List<string>();
            for (var i = 0; i < _facts.Models.Count; i++)
            {
                var name = _facts.Models[i];
                names.Add(_aliasOf?[i]?.Use ?? name.Text);
                if (_aliasOf?[i] is not null && IsEarlier(name))
                {
                    names.Add(name.Text);
                }
            }

            names.AddRange(_addsFallbacks?.Fallbacks ?? []);
            return names;
        }
    }

    /// <summary>Whether the request refers to a preset in any of the documented ways; earlier duplicates, which no parser reads, do not.</summary>
    public bool NamesPreset
    {
        get
        {
            if (_facts.LastIndexOf(BodyMemberName.Preset) is >= 0 and var preset && _facts.Members[preset].Kind != JsonValueKind.Null)
            {
                return true;
            }

            for (var i = 0; i < _facts.Models.Count; i++)
            {
                if (!IsEarlier(_facts.Models[i]) && ModelSpellings.NamesPreset(_aliasOf?[i]?.Use ?? _facts.Models[i].Text))
                {
                    return true;
                }
            }

            return _addsFallbacks?.Fallbacks.Any(ModelSpellings.NamesPreset) == true;
        }
    }

    /// <summary>Applies the aliases.</summary>
    /// <param name="aliases">The aliases in order.</param>
    /// <param name="patterns">Their patterns; ordinals are indexes of <paramref name="aliases"/>.</param>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="endpoint">The kind of endpoint; it decides whether fallbacks are added.</param>
    /// <param name="edits">Receives the edits of the body.</param>
    /// <param name="trace">Receives the outcome of each alias; <see langword="null"/> on the request path.</param>
    internal static EffectiveModels Create(
        IReadOnlyList<ModelAlias> aliases,
        PatternIndex patterns,
        BodyFacts facts,
        RequestEndpoint endpoint,
        EditList edits,
        DecisionTrace? trace)
    {
        if (aliases.Count == 0)
        {
            return new EffectiveModels(facts, null, null, facts.RequestedModel);
        }

        ModelAlias?[]? aliasOf = null;
        var model = facts.LastIndexOf(BodyMemberName.Model);
        var models = facts.LastIndexOf(BodyMemberName.Models);
        var fallbacks = facts.LastIndexOf(BodyMemberName.Fallbacks);
        string? sentModel = null;
        string? firstOfModels = null;
        ModelAlias? addsFallbacks = null;
        for (var i = 0; i < facts.Models.Count; i++)
        {
            var name = facts.Models[i];
            var alias = Find(aliases, patterns, name.Text, trace);
            if (alias is not null)
            {
                (aliasOf ??= new ModelAlias?[facts.Models.Count])[i] = alias;
            }

            var text = alias?.Use ?? name.Text;
            if (name.Member == model)
            {
                sentModel = text;
                addsFallbacks = alias is { ModelsMember.IsEmpty: false } && endpoint == RequestEndpoint.Generation
                    && IsAbsent(facts, models) && IsAbsent(facts, fallbacks)
                    ? alias
                    : null;
            }
            else if (name.Member == models)
            {
                firstOfModels ??= text;
            }

            // Earlier duplicates are not read upstream and stay unchanged.
            if (text != name.Text && (name.Member == model || name.Member == models || name.Member == fallbacks))
            {
                edits.Add(name.Value.Start, name.Value.Length, alias!.UseValue);
                trace?.AliasReplaced(alias, name.Text);
                if (name.Member == model)
                {
                    RemoveEarlier(facts, model, edits);
                }
            }
        }

        if (addsFallbacks is not null)
        {
            AddFallbacks(facts, addsFallbacks, edits);
            trace?.AliasAddedFallbacks(addsFallbacks);
        }

        return new EffectiveModels(facts, aliasOf, addsFallbacks, sentModel ?? firstOfModels);
    }

    /// <summary>Removes the earlier occurrences of a member, each with its comma.</summary>
    internal static void RemoveEarlier(BodyFacts facts, int member, EditList edits)
    {
        for (var i = 0; i < member; i++)
        {
            if (facts.Members[i].Name == facts.Members[member].Name)
            {
                edits.Add(facts.Members[i].Start, facts.Members[i].CommaEnd - facts.Members[i].Start, default);
            }
        }
    }

    private bool IsEarlier(ModelName name) => _facts.LastIndexOf(_facts.Members[name.Member].Name) != name.Member;

    private static ModelAlias? Find(IReadOnlyList<ModelAlias> aliases, PatternIndex patterns, string name, DecisionTrace? trace)
    {
        var found = name.Length > 0 ? patterns.FindFirst(name) : PatternIndex.None;
        trace?.AliasSearched(name, found);
        return found == PatternIndex.None ? null : aliases[found];
    }

    private static bool IsAbsent(BodyFacts facts, int member) => member < 0 || facts.Members[member].Kind == JsonValueKind.Null;

    // A member that is null counts as missing. The last such member becomes the new member, since it may be the last member of the object
    // and could then not be removed with a comma.
    private static void AddFallbacks(BodyFacts facts, ModelAlias alias, EditList edits)
    {
        var last = Math.Max(facts.LastIndexOf(BodyMemberName.Models), facts.LastIndexOf(BodyMemberName.Fallbacks));
        if (last < 0)
        {
            edits.Add(facts.InsertAt, 0, (byte[])[(byte)',', .. alias.ModelsMember.Span]);
            return;
        }

        for (var i = 0; i < last; i++)
        {
            if (facts.Members[i].Name is BodyMemberName.Models or BodyMemberName.Fallbacks)
            {
                edits.Add(facts.Members[i].Start, facts.Members[i].CommaEnd - facts.Members[i].Start, default);
            }
        }

        edits.Add(facts.Members[last].Start, facts.Members[last].Value.End - facts.Members[last].Start, alias.ModelsMember);
    }
}
