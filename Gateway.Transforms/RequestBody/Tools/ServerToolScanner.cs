using System.Text.Json;

namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>
/// Finds the server tools in <c>tools</c> and <c>plugins</c>, and in <c>tools</c> of the items of <c>input</c>, while
/// <see cref="JsonObjectScanner"/> passes over them. Created when a body has one of these lists.
/// </summary>
/// <remarks>
/// <c>type</c> decides who executes a tool and may follow the members that it governs, so names of models and nested tools are recorded
/// first, and dropped at the end of an element that is the client's own. Once the type of a client's own tool was read, the rest of the
/// element is skipped: the schemas of functions are the largest part of <c>tools</c>.
/// </remarks>
internal sealed class ServerToolScanner
{
    private const int MaxNesting = 16;
    private const int EmptyStringLength = 2; // the quotes

    private readonly ToolRecords _records = new();
    private readonly ToolFrame[] _frames = new ToolFrame[MaxNesting];
    private int _open; // frames

    // The current list.
    private bool _isPlugins;
    private bool _isRemovable; // its elements
    private int _member;
    private int _rootDepth; // of its elements; 0 if it is not an array

    // The current element of the list.
    private int _elementStart;
    private int _elementCount;
    private int _firstTool;
    private int _commaStart;
    private bool _lastIsRecorded;

    // The name whose value comes next, the value that is being captured, and the value whose strings are model names.
    private ToolKey _pending;
    private int _pendingDepth;
    private ToolKey _captured;
    private int _modelDepth;
    private bool _modelIsEmpty;

    /// <summary>Why the body exceeds a limit; <see langword="null"/> if it does not.</summary>
    public string? Problem { get; private set; }

    /// <summary>The server tools, models and elements found so far.</summary>
    public ToolRecords Records => _records;

    /// <summary>Begins a value of <c>tools</c> or <c>plugins</c>.</summary>
    /// <param name="isPlugins">Whether it is <c>plugins</c>.</param>
    /// <param name="member">The index in <see cref="BodyFacts.Members"/> of the member that is or contains it.</param>
    /// <param name="kind">The type of the value.</param>
    /// <param name="depth">The depth of the value: 1 for a member of the body. Elements of other lists cannot be removed.</param>
    public void BeginList(bool isPlugins, int member, JsonValueKind kind, int depth)
    {
        _isPlugins = isPlugins;
        _isRemovable = !isPlugins && depth == 1;
        _member = member;
        _rootDepth = 0;
        _elementCount = 0;
        _commaStart = -1;
        _lastIsRecorded = false;
        switch (kind)
        {
            case JsonValueKind.Array:
                _rootDepth = depth + 1;
                break;
            case JsonValueKind.Object:
                Open(depth + 1, isPlugins);
                break;
            case not (JsonValueKind.Null or JsonValueKind.False):
                Report(_records.AddTool(default, isPlugins));
                break;
        }
    }

    /// <summary>Ends the value.</summary>
    public void EndList()
    {
        if (_open > 0)
        {
            Close();
        }

        if (_rootDepth > 0 && _isRemovable)
        {
            _records.AddList(_member, _elementCount);
        }
    }

    /// <summary>Whether a member name at a depth matters.</summary>
    public bool KeyMatters(int depth)
    {
        if (_open == 0 || _modelDepth > 0)
        {
            return false;
        }

        ref var frame = ref _frames[_open - 1];
        return depth == frame.Depth || (depth > frame.Depth && !frame.IsSkipped);
    }

    /// <summary>Ends a member name that matters.</summary>
    public void EndKey(ToolKey key, int depth)
    {
        ref var frame = ref _frames[_open - 1];
        var matters = key switch
        {
            ToolKey.None => false,
            ToolKey.Type or ToolKey.Execution => depth == frame.Depth && !frame.IsPlugin && (!frame.IsSkipped || key == ToolKey.Type),
            ToolKey.Parameters => depth == frame.Depth && !frame.IsSkipped,
            ToolKey.Id or ToolKey.Enabled or ToolKey.PinModel => depth == frame.Depth && frame.IsPlugin,
            _ => !frame.IsSkipped,
        };
        _pending = matters ? key : ToolKey.None;
        _pendingDepth = depth;
    }

    /// <summary>Begins a value inside the list.</summary>
    /// <returns>Whether <see cref="EndString"/> needs the bytes of the value.</returns>
    public bool BeginValue(int at, JsonValueKind kind, int depth)
    {
        _captured = ToolKey.None;
        if (_modelDepth > 0)
        {
            // A list of models has only strings.
            _frames[_open - 1].Naming.IsDoubtful |= kind != JsonValueKind.String;
            return false;
        }

        if (_open == 0 && depth == _rootDepth)
        {
            _elementStart = at;
            _firstTool = _records.Tools.Count;
        }

        if (depth == (_open == 0 ? _rootDepth : _frames[_open - 1].ElementsDepth))
        {
            BeginElement(kind, depth);
            return false;
        }

        if (_pending == ToolKey.None || depth != _pendingDepth)
        {
            return false;
        }

        var key = _pending;
        _pending = ToolKey.None;
        BeginMemberValue(key, kind, depth);
        return _captured is ToolKey.Type or ToolKey.Execution;
    }

    /// <summary>Ends a string inside the list.</summary>
    /// <param name="value">The JSON string, quotes included.</param>
    /// <param name="depth">Its depth.</param>
    /// <param name="text">The bytes between the quotes, if <see cref="BeginValue"/> asked for them; empty if they are too many.</param>
    public void EndString(ByteRange value, int depth, ReadOnlySpan<byte> text)
    {
        if (_modelDepth > 0)
        {
            _modelIsEmpty = false;
            _frames[_open - 1].Naming.IsDoubtful |= value.Length == EmptyStringLength;
            Report(_records.AddModel(value));
            return;
        }

        var captured = _captured;
        _captured = ToolKey.None;
        switch (captured)
        {
            case ToolKey.Type:
                AddType(value, ToolText.KindOf(text));
                break;
            case ToolKey.Execution when ToolText.IsClient(text):
                _frames[_open - 1].HasClientExecution = true;
                break;
            case ToolKey.Execution:
                _frames[_open - 1].HasServerExecution = true;
                break;
            case ToolKey.Id:
                Report(_records.AddName(value));
                break;
            default:
                // A string in place of an object.
                if (depth == (_open == 0 ? _rootDepth : _frames[_open - 1].ElementsDepth))
                {
                    Report(_records.AddTool(value, _isPlugins && _open == 0));
                }

                break;
        }
    }

    /// <summary>Ends a value inside the list.</summary>
    public void EndValue(int end, int depth)
    {
        if (_modelDepth > 0)
        {
            if (depth == _modelDepth)
            {
                _modelDepth = 0;
                _frames[_open - 1].Naming.IsDoubtful |= _modelIsEmpty;
            }

            return;
        }

        if (_open > 0)
        {
            ref var frame = ref _frames[_open - 1];
            if (depth == frame.Depth - 1)
            {
                Close();
            }
            else if (depth == frame.ElementsDepth - 1)
            {
                frame.ElementsDepth = 0;
            }

            frame.IsInParameters &= depth != frame.Depth;
        }

        if (_open == 0 && depth == _rootDepth)
        {
            EndElement(end);
        }
    }

    /// <summary>Records the comma after an element of the list.</summary>
    public void AddComma(int at)
    {
        _commaStart = at;
        if (_lastIsRecorded)
        {
            _records.EndLastElement(at + 1);
        }
    }

    private void BeginElement(JsonValueKind kind, int depth)
    {
        var isPlugin = _isPlugins && _open == 0;
        switch (kind)
        {
            case JsonValueKind.Object:
                Open(depth + 1, isPlugin);
                break;
            case not (JsonValueKind.String or JsonValueKind.Null):
                Report(_records.AddTool(default, isPlugin));
                break;
        }
    }

    private void BeginMemberValue(ToolKey key, JsonValueKind kind, int depth)
    {
        ref var frame = ref _frames[_open - 1];
        var isString = kind == JsonValueKind.String;
        switch (key)
        {
            case ToolKey.Type or ToolKey.Id or ToolKey.Execution when isString:
                _captured = key;
                break;
            case ToolKey.Type when kind != JsonValueKind.Null:
                AddType(default, ToolKind.Server);
                break;
            case ToolKey.Id when kind != JsonValueKind.Null:
                Report(_records.AddName(default));
                break;
            case ToolKey.Execution:
                frame.HasServerExecution = true;
                break;
            case ToolKey.Enabled:
                frame.IsEnabled |= kind != JsonValueKind.False;
                frame.IsDisabled |= kind == JsonValueKind.False;
                break;
            case ToolKey.Engine:
                frame.HasEngine = true;
                break;
            case ToolKey.Preset:
                frame.Naming.HasPreset |= kind != JsonValueKind.Null;
                break;
            case ToolKey.PinModel:
                frame.PinsModel |= kind is not (JsonValueKind.False or JsonValueKind.Null);
                break;
            case ToolKey.Tools when frame.ElementsDepth > 0:
                // Inside of an element that is no object, which is an unknown tool already.
                break;
            case ToolKey.Tools when kind == JsonValueKind.Array:
                frame.ElementsDepth = depth + 1;
                break;
            case ToolKey.Tools when kind == JsonValueKind.Object:
                Open(depth + 1, isPlugin: false);
                break;
            case ToolKey.Parameters:
                frame.IsInParameters = true;
                frame.Naming.AddParameters();
                break;
            case ToolKey.Model or ToolKey.Models or ToolKey.AnalysisModels or ToolKey.AllowedModels:
                _modelDepth = depth;
                _modelIsEmpty = true;
                AddNaming(ref frame, key, kind, depth);
                break;
        }
    }

    private static void AddNaming(ref ToolFrame frame, ToolKey key, JsonValueKind kind, int depth)
    {
        var isOfItsType = kind == (key == ToolKey.Model ? JsonValueKind.String : JsonValueKind.Array);
        frame.Naming.IsDoubtful |= !isOfItsType || (depth > frame.Depth && !frame.IsInParameters);
        frame.Naming.Add(key, depth - frame.Depth);
    }

    private void Open(int depth, bool isPlugin)
    {
        if (_open == MaxNesting)
        {
            Report($"tools nested more than {MaxNesting} deep");
            return;
        }

        _frames[_open++] = _records.Open(depth, isPlugin);
    }

    private void Close()
    {
        var problem = _records.Close(_frames[--_open]);
        Report(problem);
    }

    private void AddType(ByteRange value, ToolKind kind)
    {
        ref var frame = ref _frames[_open - 1];
        if (kind == ToolKind.Client)
        {
            frame.IsSkipped = frame.Kinds is ToolKind.None or ToolKind.Client;
        }
        else
        {
            frame.WasSkipped |= frame.IsSkipped;
            frame.IsSkipped = false;
            if (kind != ToolKind.Namespace)
            {
                Report(_records.AddName(value));
            }
        }

        frame.Kinds |= kind;
    }

    private void EndElement(int end)
    {
        var value = new ByteRange(_elementStart, end - _elementStart);
        _lastIsRecorded = _isRemovable && _records.TryAddElement(_firstTool, _elementCount, value, _commaStart);
        _elementCount++;
    }

    // A limit is exceeded by the innermost open element, if that proves to be a server tool.
    private void Report(string? problem)
    {
        if (problem is null)
        {
            return;
        }

        if (_open > 0)
        {
            _frames[_open - 1].Problem ??= problem;
        }
        else
        {
            Problem ??= problem;
        }
    }
}
