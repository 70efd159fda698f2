namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>
/// The server tools, models and elements that <see cref="ServerToolScanner"/> finds. Entries of an element that proves to be the client's own
/// are dropped at its end.
/// </summary>
internal sealed class ToolRecords
{
    private const int MaxEntries = RoutingMemberCollector.MaxEntries;
    private const int MaxModelLength = RoutingMemberCollector.MaxModelNameLength;
    private const int MaxTypeLength = 4096;

    private readonly List<ScannedTool> _tools = [];
    private readonly List<ScannedModel> _models = [];
    private readonly List<ByteRange> _names = []; // types and ids of open elements
    private readonly List<ToolElement> _elements = [];
    private readonly List<ToolList> _lists = [];

    /// <summary>The server tools, those inside of others first.</summary>
    public IReadOnlyList<ScannedTool> Tools => _tools;

    /// <summary>The models that they name.</summary>
    public IReadOnlyList<ScannedModel> Models => _models;

    /// <summary>The elements that contain them.</summary>
    public IReadOnlyList<ToolElement> Elements => _elements;

    /// <summary>The arrays that the elements belong to.</summary>
    public IReadOnlyList<ToolList> Lists => _lists;

    /// <summary>Whether a plugin pins the model of earlier messages.</summary>
    public bool PinsModel { get; private set; }

    /// <summary>Opens an element.</summary>
    public ToolFrame Open(int depth, bool isPlugin) => new()
    {
        Depth = depth,
        IsPlugin = isPlugin,
        FirstName = _names.Count,
        FirstModel = _models.Count,
        FirstUse = _tools.Count,
    };

    /// <summary>Closes an element: keeps its entries if it is a server tool, and drops them otherwise.</summary>
    /// <returns>Why the element exceeds a limit; <see langword="null"/> if it does not.</returns>
    public string? Close(in ToolFrame frame)
    {
        var isUsed = IsUsed(frame);
        if (!isUsed && (frame.Kinds & ToolKind.Namespace) == 0)
        {
            Truncate(_names, frame.FirstName);
            Truncate(_models, frame.FirstModel);
            Truncate(_tools, frame.FirstUse);
            return null;
        }

        if (!isUsed)
        {
            DropOpenModels(frame);
            return frame.Problem;
        }

        // A tool whose content was skipped may contain any tool and name any model.
        var problem = frame.Problem;
        var naming = frame.Naming;
        naming.IsDoubtful |= _names.Count - frame.FirstName > 1;
        if (frame.WasSkipped || _names.Count == frame.FirstName)
        {
            problem ??= AddTool(default, frame.IsPlugin, naming, frame.WasSkipped);
        }

        for (var i = frame.FirstName; i < _names.Count; i++)
        {
            problem ??= AddTool(_names[i], frame.IsPlugin, naming, frame.WasSkipped);
        }

        Truncate(_names, frame.FirstName);
        for (var i = frame.FirstModel; i < _models.Count; i++)
        {
            if (_models[i].Tool < 0)
            {
                _models[i] = _models[i] with { Tool = _tools.Count - 1 };
            }
        }

        PinsModel |= frame.PinsModel;
        return problem;
    }

    /// <summary>Adds a type or id of the open element.</summary>
    /// <returns>Why a limit is exceeded; <see langword="null"/> if none is.</returns>
    public string? AddName(ByteRange value)
    {
        if (_names.Count == MaxEntries)
        {
            return $"more than {MaxEntries} types of tools";
        }

        _names.Add(value);
        return null;
    }

    /// <summary>Adds a model that the open element names.</summary>
    /// <returns>Why a limit is exceeded; <see langword="null"/> if none is.</returns>
    public string? AddModel(ByteRange value)
    {
        if (value.Length - 2 > MaxModelLength)
        {
            return $"a model name of more than {MaxModelLength} bytes";
        }

        if (_models.Count == MaxEntries)
        {
            return $"more than {MaxEntries} model names in tools";
        }

        _models.Add(new ScannedModel(value, Tool: -1));
        return null;
    }

    /// <summary>Adds a server tool.</summary>
    /// <returns>Why a limit is exceeded; <see langword="null"/> if none is.</returns>
    public string? AddTool(ByteRange name, bool isPlugin, ModelNaming naming = default, bool namesAnyModel = false)
    {
        if (name.Length - 2 > MaxTypeLength)
        {
            return $"a type of a tool of more than {MaxTypeLength} bytes";
        }

        if (_tools.Count == MaxEntries)
        {
            return $"more than {MaxEntries} server tools";
        }

        _tools.Add(new ScannedTool(name, isPlugin, Element: -1, naming, namesAnyModel));
        return null;
    }

    /// <summary>Adds an element of <c>tools</c> if it contains server tools: those from <paramref name="firstTool"/> on.</summary>
    public bool TryAddElement(int firstTool, int index, ByteRange value, int commaStart)
    {
        if (_tools.Count == firstTool)
        {
            return false;
        }

        for (var i = firstTool; i < _tools.Count; i++)
        {
            _tools[i] = _tools[i] with { Element = _elements.Count };
        }

        _elements.Add(new ToolElement(_lists.Count, index, value, commaStart, CommaEnd: -1));
        return true;
    }

    /// <summary>Records the end of the comma after the last element.</summary>
    public void EndLastElement(int commaEnd) => _elements[^1] = _elements[^1] with { CommaEnd = commaEnd };

    /// <summary>Adds an array <c>tools</c> that has ended.</summary>
    public void AddList(int member, int count) => _lists.Add(new ToolList(member, count));

    private static bool IsUsed(in ToolFrame frame)
    {
        if (frame.IsPlugin)
        {
            return frame.IsEnabled || !frame.IsDisabled;
        }

        return (frame.Kinds & ToolKind.Server) != 0
            || frame.WasSkipped
            || ((frame.Kinds & ToolKind.ToolSearch) != 0 && (!frame.HasClientExecution || frame.HasServerExecution))
            || ((frame.Kinds & ToolKind.Bash) != 0 && frame.HasEngine);
    }

    // A namespace is no tool by itself: the tools in it stay, with their models.
    private void DropOpenModels(in ToolFrame frame)
    {
        Truncate(_names, frame.FirstName);
        for (var i = _models.Count - 1; i >= frame.FirstModel; i--)
        {
            if (_models[i].Tool < 0)
            {
                _models.RemoveAt(i);
            }
        }
    }

    private static void Truncate<T>(List<T> list, int count) => list.RemoveRange(count, list.Count - count);
}
