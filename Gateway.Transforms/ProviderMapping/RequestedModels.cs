using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// Every model that a request names: in <c>model</c>, <c>models</c> and <c>fallbacks</c> after aliases, in server tools and plugins, and as
/// the fast version of a model under a fast tier.
/// </summary>
internal readonly struct RequestedModels
{
    /// <summary>The name of any model: a wildcard, or a choice that OpenRouter makes by itself.</summary>
    public const string Any = "*";

    /// <summary>
    /// The number of presets in model names that are recorded one by one. Each name beyond it that has a preset counts as one preset that
    /// may choose any model.
    /// </summary>
    internal const int MaxPresets = RoutingMemberCollector.MaxEntries;

    private static readonly List<string> NoNames = [];

    // OpenRouter chooses the panel of these models by itself.
    private const string Fusion = "openrouter/fusion";

    private readonly IReadOnlyList<string> _fast;
    private readonly bool _namesAny; // in the body's own members

    private RequestedModels(
        IReadOnlyList<string> names,
        IReadOnlyList<string> fast,
        IReadOnlyList<ServerToolUse> tools,
        bool namesAny)
    {
        Names = names;
        _fast = fast;
        _namesAny = namesAny;
        Tools = tools;
        Ordinary = namesAny || tools.Count > 0
            ? [
                .. names, .. tools.SelectMany(static tool => tool.Models),
                .. namesAny || tools.Any(static tool => tool.NamesAnyModel || tool.Models.Any(IsFusion)) ? (string[])[Any] : [],
            ]
            : names;
        All = fast.Count > 0 ? [.. Ordinary, .. fast] : Ordinary;
    }

    /// <summary>The names of the body's own members, as in <see cref="EffectiveModels.Names"/>.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>
    /// The names of the body and of its server tools. <see cref="Any"/> is among them if a model may be called that the request does not
    /// name.
    /// </summary>
    public IReadOnlyList<string> Ordinary { get; }

    /// <summary>
    /// <see cref="Ordinary"/>, and under a fast tier the fast version of each of the body's names. OpenRouter serves those that exist.
    /// </summary>
    public IReadOnlyList<string> All { get; }

    /// <summary>
    /// <see cref="All"/>, and each preset as <c>@preset/SLUG</c>, however the request names it: by the member <c>preset</c>, by a name of its
    /// own or at the end of a model's name.
    /// </summary>
    public IReadOnlyList<string> WithPresets()
    {
        List<string>? names = null;
        for (var i = 0; i < Tools.Count; i++)
        {
            if (Tools[i].Name.StartsWith(ServerToolUse.PresetPrefix, StringComparison.Ordinal))
            {
                (names ??= [.. All]).Add(string.Concat(ModelSpellings.PresetMark, Tools[i].Name.AsSpan(ServerToolUse.PresetPrefix.Length).Trim()));
            }
        }

        return names ?? All;
    }

    /// <summary>The server tools that the request uses, presets and <c>:online</c> included.</summary>
    public IReadOnlyList<ServerToolUse> Tools { get; }

    /// <summary>Finds the models and server tools of a request.</summary>
    /// <param name="names">The names after aliases.</param>
    /// <param name="facts">The facts about the body.</param>
    public static RequestedModels Create(IReadOnlyList<string> names, BodyFacts facts)
    {
        List<ServerToolUse>? tools = null;
        List<string>? fast = null;
        var namesAny = false;
        for (var i = 0; i < names.Count; i++)
        {
            namesAny |= IsFusion(names[i]);
            if (facts.ServerTools.IsFast && ModelSpellings.FastVersion(names[i]) is { } version)
            {
                (fast ??= []).Add(version);
            }

            AddTools(names[i], element: -1, ref tools);
        }

        // The model of a server tool may have a variant or a preset as well.
        for (var i = 0; i < facts.ServerTools.Uses.Count; i++)
        {
            foreach (var model in facts.ServerTools.Uses[i].Models)
            {
                AddTools(model, facts.ServerTools.Uses[i].Element, ref tools);
            }
        }

        for (var i = 0; i < facts.Presets.Count; i++)
        {
            (tools ??= []).Add(PresetOf(facts.Presets[i]));
        }

        return new RequestedModels(
            names,
            fast ?? NoNames,
            tools is null ? facts.ServerTools.Uses : [.. facts.ServerTools.Uses, .. tools],
            namesAny);
    }

    /// <summary>The models and server tools without those of removed elements of <c>tools</c>.</summary>
    public RequestedModels Without(ServerToolRemoval removal) =>
        new(Names, _fast, [.. Tools.Where(tool => !removal.Removes(tool))], _namesAny);

    private static bool IsFusion(string name) => name.Contains(Fusion, StringComparison.OrdinalIgnoreCase);

    private static void AddTools(string name, int element, ref List<ServerToolUse>? tools)
    {
        if (name.AsSpan().IndexOfAny(':', '@') < 0)
        {
            return;
        }

        if (ModelSpellings.IsOnline(name))
        {
            (tools ??= []).Add(new ServerToolUse(ServerToolUse.WebPlugin, element, [], NamesAnyModel: false));
        }

        AddPresets(name, element, ref tools);
    }

    private static void AddPresets(string name, int element, ref List<ServerToolUse>? tools)
    {
        var first = tools?.Count ?? 0;
        foreach (var preset in ModelSpellings.Presets(name))
        {
            tools ??= [];
            if (tools.Count - first == ModelSpellings.MaxPresets || tools.Count >= MaxPresets)
            {
                tools.RemoveRange(first, tools.Count - first);
                tools.Add(Preset(ServerToolUse.Unknown, element) with { NamesAnyModel = true });
                return;
            }

            tools.Add(Preset(preset, element));
        }
    }

    // Upstream may read a slug that is no string, one that contains another preset, or one longer than any model name, in any way.
    private static ServerToolUse PresetOf(string? slug)
    {
        var isOdd = slug is null || slug.Length > RoutingMemberCollector.MaxModelNameLength || ModelSpellings.NamesPreset(slug);
        return Preset(isOdd ? ServerToolUse.Unknown : slug!, element: -1) with { NamesAnyModel = isOdd };
    }

    private static ServerToolUse Preset(string slug, int element) =>
        new(ServerToolUse.PresetPrefix + slug, element, [], NamesAnyModel: false);
}
