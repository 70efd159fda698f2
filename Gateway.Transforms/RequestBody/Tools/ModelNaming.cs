namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>
/// Where a tool or plugin names models. A tool that chooses its model reads certain members at one place, and the last occurrence of each
/// counts upstream. Every other occurrence of such a member could be a decoy: it names a permitted model, but is not read.
/// </summary>
internal struct ModelNaming
{
    private const string OpenRouterPrefix = "openrouter:";

    /// <summary>The members beside the <c>type</c> or <c>id</c>.</summary>
    public ModelMembers InElement;

    /// <summary>The members directly inside <c>parameters</c>.</summary>
    public ModelMembers InParameters;

    /// <summary>
    /// Whether the names may not be those that are read: a member is repeated, is empty, is of another type, or stands at a third place.
    /// </summary>
    public bool IsDoubtful;

    /// <summary>Whether <c>preset</c> chooses the models of fusion.</summary>
    public bool HasPreset;

    private bool _hasParameters;

    /// <summary>Adds an occurrence of <c>parameters</c> beside the <c>type</c>.</summary>
    public void AddParameters()
    {
        IsDoubtful |= _hasParameters;
        _hasParameters = true;
    }

    /// <summary>Adds an occurrence of a member.</summary>
    /// <param name="key">The member.</param>
    /// <param name="place">Its depth below the element's own members: 0 in the element, 1 in <c>parameters</c>, otherwise a third place.</param>
    public void Add(ToolKey key, int place)
    {
        var member = key switch
        {
            ToolKey.Model => ModelMembers.Model,
            ToolKey.Models => ModelMembers.Models,
            ToolKey.AnalysisModels => ModelMembers.AnalysisModels,
            _ => ModelMembers.AllowedModels,
        };
        switch (place)
        {
            case 0:
                IsDoubtful |= (InElement & member) != 0;
                InElement |= member;
                break;
            case 1:
                IsDoubtful |= (InParameters & member) != 0;
                InParameters |= member;
                break;
            default:
                IsDoubtful = true;
                break;
        }
    }

    /// <summary>Whether a tool or plugin that chooses a model may choose one that it does not name.</summary>
    /// <param name="name">The <c>type</c> or <c>id</c>.</param>
    /// <param name="isPlugin">Whether it is a plugin.</param>
    public readonly bool LeavesOpen(string name, bool isPlugin)
    {
        var isFusion = Contains(name, "fusion");
        if (isPlugin)
        {
            return isFusion ? HasPreset || !IsExactly(ModelMembers.Model | ModelMembers.AnalysisModels, ModelMembers.None)
                : Contains(name, "router")
                    && !(name is "auto-router" or "auto-beta-router" && IsExactly(ModelMembers.AllowedModels, ModelMembers.None));
        }

        // By parts of the name, so that later versions of a tool are recognized.
        if (!isFusion && !Contains(name, "advisor") && !Contains(name, "subagent")
            && !Contains(name, "image_generation") && !Contains(name, "inspect_image"))
        {
            return false;
        }

        if (name.StartsWith(OpenRouterPrefix, StringComparison.Ordinal))
        {
            return isFusion
                ? HasPreset || !IsExactly(ModelMembers.None, ModelMembers.Model | ModelMembers.AnalysisModels)
                : !IsExactly(ModelMembers.None, ModelMembers.Model);
        }

        // The tools of providers.
        return !((name.StartsWith("advisor_", StringComparison.Ordinal) || name == "image_generation")
            && IsExactly(ModelMembers.Model, ModelMembers.None));
    }

    private static bool Contains(string name, string part) => name.Contains(part, StringComparison.OrdinalIgnoreCase);

    private readonly bool IsExactly(ModelMembers inElement, ModelMembers inParameters) =>
        !IsDoubtful && InElement == inElement && InParameters == inParameters;
}
