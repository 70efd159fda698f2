using System.Globalization;
using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace Gateway.Tests.Support;

/// <summary>
/// The server tools of a body by way of Utf8JsonReader, in the words of <see cref="BodyScan.Describe(ServerToolFacts)"/>. Only limits are
/// left out.
/// </summary>
internal sealed class ToolsFromJson
{
    private static readonly string[] Routing =
    [
        "model", "models", "fallbacks", "provider", "preset", "stream", "n", "max_tokens", "max_completion_tokens", "max_output_tokens",
        "session_id", "prompt_cache_key", "messages", "input", "tools", "tool_choice", "parallel_tool_calls", "max_tool_calls",
        "stop_server_tools_when", "plugins", "web_search_options", "mcp_servers", "service_tier", "speed", "best_of", "prompt", "documents",
    ];

    private readonly byte[] _body;
    private readonly List<Found> _found = [];
    private readonly StringBuilder _elements = new();
    private readonly StringBuilder _lists = new();
    private int _elementCount;
    private int _listCount;
    private bool _pins;

    private ToolsFromJson(byte[] body) => _body = body;

    /// <summary>Describes the server tools of a valid body.</summary>
    public static string Describe(byte[] body) => new ToolsFromJson(body).Describe();

    private string Describe()
    {
        var isFast = false;
        var first = new StringBuilder();
        var pinned = new List<string>();
        var member = -1;
        var start = _body.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        foreach (var (name, value) in Members(new Range(start, _body.Length)))
        {
            member += Routing.Contains(name) ? 1 : 0;
            switch (name)
            {
                case "web_search_options" when value.Kind != JsonValueKind.Null:
                    first.Append("uses plugin:web in element -1, models [], any False\n");
                    break;
                case "mcp_servers" when value.Kind != JsonValueKind.Null
                    && (value.Kind != JsonValueKind.Array || Items(value.Range).Count > 0):
                    first.Append("uses mcp in element -1, models [], any False\n");
                    break;
                case "prompt" when value.Kind == JsonValueKind.Object:
                    var ids = Members(value.Range).Where(inner => inner.Name == "id").Select(inner => inner.Value).ToList();
                    var id = ids is [{ Kind: JsonValueKind.String } only] && Text(only.Range) is { Length: > 0 } read ? read : "(unknown)";
                    first.Append(CultureInfo.InvariantCulture, $"uses prompt:{id} in element -1, models [], any True\n");
                    break;
                case "service_tier" or "speed" when value.Kind == JsonValueKind.String:
                    isFast |= Text(value.Range).Trim().ToUpperInvariant() is "FAST" or "PRIORITY"
                        || value.Range.End.Value - value.Range.Start.Value > 64;
                    break;
                case "messages" when value.Kind == JsonValueKind.Array:
                    pinned.AddRange(Items(value.Range).Where(item => item.Kind == JsonValueKind.Object)
                        .SelectMany(item => Members(item.Range))
                        .Where(pair => pair.Name == "model" && pair.Value.Kind == JsonValueKind.String)
                        .Select(pair => Text(pair.Value.Range)));
                    break;
                case "tools" or "plugins":
                    AddMember(value, name == "plugins", member);
                    break;
                case "input" when value.Kind == JsonValueKind.Array:
                    foreach (var tools in Items(value.Range).Where(item => item.Kind == JsonValueKind.Object)
                        .SelectMany(item => Members(item.Range)).Where(pair => pair.Name == "tools"))
                    {
                        AddItemTools(tools.Value);
                    }

                    break;
            }
        }

        var text = new StringBuilder(isFast ? "fast\n" : "").Append(first);
        foreach (var found in _found)
        {
            text.Append(found.Describe());
        }

        if (_pins)
        {
            text.Append(CultureInfo.InvariantCulture, $"uses plugin:auto-router in element -1, models [{string.Join(" ", pinned.Distinct())}], any False\n");
        }

        return _found.Count == 0 ? text.ToString() : text.Append(_elements).Append(_lists).ToString();
    }

    private void AddMember(Value value, bool isPlugins, int member)
    {
        if (value.Kind == JsonValueKind.Object)
        {
            AddObject(value.Range, isPlugins);
        }
        else if (value.Kind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True)
        {
            _found.Add(new Found(null, isPlugins));
        }
        else if (value.Kind == JsonValueKind.Array)
        {
            var items = Items(value.Range);
            for (var i = 0; i < items.Count; i++)
            {
                var before = _found.Count;
                AddElement(items[i], isPlugins);
                if (isPlugins || _found.Count == before)
                {
                    continue;
                }

                foreach (var found in _found[before..])
                {
                    found.Element = _elementCount;
                }

                _elementCount++;
                var (from, to) = (items[i].Range.Start.Value, items[i].Range.End.Value);
                _elements.Append(
                    CultureInfo.InvariantCulture,
                    $"element {i} of list {_listCount}: {from}+{to - from}, commas {CommaBefore(from, i)} {(i < items.Count - 1 ? CommaAfter(to) : -1)}\n");
            }

            if (!isPlugins)
            {
                _listCount++;
                _lists.Append(CultureInfo.InvariantCulture, $"list in member {member} of {items.Count}\n");
            }
        }
    }

    // As a top-level `tools`, but no element can be removed.
    private void AddItemTools(Value value)
    {
        if (value.Kind == JsonValueKind.Array)
        {
            foreach (var element in Items(value.Range))
            {
                AddElement(element, isPlugin: false);
            }
        }
        else
        {
            AddMember(value, isPlugins: false, member: -1);
        }
    }

    private void AddElement(Value item, bool isPlugin)
    {
        if (item.Kind == JsonValueKind.Object)
        {
            AddObject(item.Range, isPlugin);
        }
        else if (item.Kind != JsonValueKind.Null)
        {
            _found.Add(new Found(item.Kind == JsonValueKind.String ? Text(item.Range) : null, isPlugin));
        }
    }

    private void AddObject(Range range, bool isPlugin)
    {
        var before = _found.Count;
        var tool = new Tool(isPlugin);
        Walk(range, tool, "element", isInList: false);
        var isUsed = isPlugin
            ? tool.IsEnabled || !tool.IsDisabled
            : tool.Kinds.Contains("server") || tool.WasSkipped
                || (tool.Kinds.Contains("search") && (!tool.ClientExecutes || tool.ServerExecutes))
                || (tool.Kinds.Contains("bash") && tool.HasEngine);
        if (!isUsed)
        {
            if (!tool.Kinds.Contains("namespace"))
            {
                _found.RemoveRange(before, _found.Count - before);
            }

            return;
        }

        List<string?> names = [.. tool.WasSkipped || tool.Names.Count == 0 ? (string?[])[null] : [], .. tool.Names];
        foreach (var name in names)
        {
            _found.Add(new Found(name, isPlugin)
            {
                HasPreset = tool.HasPreset,
                NamesAny = tool.WasSkipped,
                Choices = names.Count == 1 && tool.Parameters < 2 ? tool.Choices : [("repeated", "element", false)],
            });
        }

        _found[^1].Models.AddRange(tool.Models);
        _pins |= tool.Pins;
    }

    private void Walk(Range range, Tool tool, string place, bool isInList)
    {
        var isOwn = place == "element";
        foreach (var (name, value) in Members(range))
        {
            if (isOwn && !tool.IsPlugin && name == "type")
            {
                AddType(value, tool);
            }

            if (tool.Skips)
            {
                continue;
            }

            switch (name)
            {
                case "id" when isOwn && tool.IsPlugin && value.Kind != JsonValueKind.Null:
                    tool.Names.Add(value.Kind == JsonValueKind.String ? Text(value.Range) : null);
                    break;
                case "enabled" when isOwn && tool.IsPlugin:
                    tool.IsEnabled |= value.Kind != JsonValueKind.False;
                    tool.IsDisabled |= value.Kind == JsonValueKind.False;
                    break;
                case "pin_model" when isOwn && tool.IsPlugin:
                    tool.Pins |= value.Kind is not (JsonValueKind.False or JsonValueKind.Null);
                    break;
                case "execution" when isOwn && !tool.IsPlugin:
                    var isClient = value.Kind == JsonValueKind.String && Text(value.Range) == "client";
                    tool.ClientExecutes |= isClient;
                    tool.ServerExecutes |= !isClient;
                    break;
                case "engine":
                    tool.HasEngine = true;
                    break;
                case "preset":
                    tool.HasPreset |= value.Kind != JsonValueKind.Null;
                    break;
                case "model" or "models" or "analysis_models" or "allowed_models":
                    tool.Models.AddRange(Strings(value));
                    tool.Choices.Add((name, place, IsChoice(name, value)));
                    continue;
                case "parameters" when isOwn:
                    tool.Parameters++;
                    WalkValue(value, tool, isInList, "parameters");
                    continue;
                case "tools" when !isInList && value.Kind == JsonValueKind.Object:
                    AddObject(value.Range, isPlugin: false);
                    continue;
                case "tools" when !isInList && value.Kind == JsonValueKind.Array:
                    foreach (var item in Items(value.Range))
                    {
                        AddElement(item, isPlugin: false);
                        if (item.Kind == JsonValueKind.Array)
                        {
                            WalkValue(item, tool, isInList: true);
                        }
                    }

                    continue;
            }

            WalkValue(value, tool, isInList);
        }
    }

    /// <summary>Whether a value names models as its member should: at least one, and nothing else.</summary>
    private bool IsChoice(string name, Value value) => name == "model"
        ? value.Kind == JsonValueKind.String && Text(value.Range).Length > 0
        : value.Kind == JsonValueKind.Array && Items(value.Range) is { Count: > 0 } items
            && items.TrueForAll(item => item.Kind == JsonValueKind.String && Text(item.Range).Length > 0);

    private void WalkValue(Value value, Tool tool, bool isInList, string place = "elsewhere")
    {
        if (value.Kind == JsonValueKind.Object)
        {
            Walk(value.Range, tool, place, isInList);
        }
        else if (value.Kind == JsonValueKind.Array)
        {
            foreach (var item in Items(value.Range))
            {
                WalkValue(item, tool, isInList);
            }
        }
    }

    private void AddType(Value value, Tool tool)
    {
        if (value.Kind == JsonValueKind.Null)
        {
            return;
        }

        var text = value.Kind == JsonValueKind.String ? Text(value.Range) : null;
        var kind = text switch
        {
            "function" or "custom" or "apply_patch" => "client",
            "namespace" => "namespace",
            "tool_search" => "search",
            "openrouter:bash" => "bash",
            not null when ((string[])["computer_", "bash_", "text_editor_", "str_replace", "memory_"]).Any(
                start => text.StartsWith(start, StringComparison.Ordinal)) => "client",
            _ => "server",
        };
        if (kind == "client")
        {
            tool.Skips = tool.Kinds.TrueForAll(earlier => earlier == "client");
        }
        else
        {
            tool.WasSkipped |= tool.Skips;
            tool.Skips = false;
            if (kind != "namespace")
            {
                tool.Names.Add(text);
            }
        }

        tool.Kinds.Add(kind);
    }

    private IEnumerable<string> Strings(Value value) => value.Kind switch
    {
        JsonValueKind.String => [Text(value.Range)],
        JsonValueKind.Array => Items(value.Range).SelectMany(Strings),
        JsonValueKind.Object => Members(value.Range).SelectMany(member => Strings(member.Value)),
        _ => [],
    };

    private List<(string Name, Value Value)> Members(Range range)
    {
        var start = range.Start.Value;
        return
        [
            .. JsonMember.ReadAll(_body.AsSpan(range)).Select(member => (
                Text(new Range(start + member.Start, start + member.KeyEnd)), new Value(new Range(start + member.ValueStart, start + member.ValueEnd), member.Kind))),
        ];
    }

    private List<Value> Items(Range range)
    {
        var items = new List<Value>();
        var start = range.Start.Value;
        var reader = new Utf8JsonReader(_body.AsSpan(range), new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var from = start + (int)reader.TokenStartIndex;
            var kind = reader.TokenType switch
            {
                JsonTokenType.StartObject => JsonValueKind.Object,
                JsonTokenType.StartArray => JsonValueKind.Array,
                JsonTokenType.String => JsonValueKind.String,
                JsonTokenType.Null => JsonValueKind.Null,
                _ => JsonValueKind.Number,
            };
            reader.Skip();
            items.Add(new Value(new Range(from, start + (int)reader.BytesConsumed), kind));
        }

        return items;
    }

    private string Text(Range range)
    {
        var reader = new Utf8JsonReader(_body.AsSpan(range));
        reader.Read();
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair, which the framework does not decode.
            return JsonStringDecoder.Decode(_body.AsSpan(range)[1..^1]);
        }
    }

    private int CommaBefore(int at, int index) => index == 0 ? -1 : Array.LastIndexOf(_body, (byte)',', at);

    private int CommaAfter(int at) => Array.IndexOf(_body, (byte)',', at) + 1;

    private readonly record struct Value(Range Range, JsonValueKind Kind);

    private sealed class Tool(bool isPlugin)
    {
        public bool IsPlugin => isPlugin;

        public List<string> Kinds { get; } = [];

        public List<string?> Names { get; } = [];

        public List<string> Models { get; } = [];

        public List<(string Name, string Place, bool IsGood)> Choices { get; } = [];

        public int Parameters { get; set; }

        public bool Skips { get; set; }

        public bool WasSkipped { get; set; }

        public bool IsEnabled { get; set; }

        public bool IsDisabled { get; set; }

        public bool Pins { get; set; }

        public bool ClientExecutes { get; set; }

        public bool ServerExecutes { get; set; }

        public bool HasEngine { get; set; }

        public bool HasPreset { get; set; }
    }

    private sealed class Found(string? name, bool isPlugin)
    {
        public int Element { get; set; } = -1;

        public bool HasPreset { get; init; }

        public bool NamesAny { get; init; }

        public List<(string Name, string Place, bool IsGood)> Choices { get; init; } = [];

        public List<string> Models { get; } = [];

        public string Describe()
        {
            var text = name ?? "(unknown)";
            var names = Models.Where(model => !model.Contains('*', StringComparison.Ordinal)).ToArray();
            var chooses = Contains("fusion")
                || (isPlugin ? Contains("router") : Contains("advisor") || Contains("subagent") || Contains("image_generation") || Contains("inspect_image"));
            var any = NamesAny || names.Length < Models.Count
                || (chooses && !NamesItsModels()) || (Contains("fusion") && HasPreset);
            return $"uses {(isPlugin ? "plugin:" : "")}{text} in element {Element}, models [{string.Join(" ", names)}], any {any}\n";

            bool Contains(string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);

            bool NamesItsModels()
            {
                // The members that the tool reads, each of them once and at its place, and no other member that looks like one.
                var place = !isPlugin && text.StartsWith("openrouter:", StringComparison.Ordinal) ? "parameters" : "element";
                string[] read = (isPlugin, text) switch
                {
                    (true, "auto-router" or "auto-beta-router") => ["allowed_models"],
                    (true, _) => Contains("fusion") ? ["analysis_models", "model"] : [],
                    (false, _) when place == "parameters" => Contains("fusion") ? ["analysis_models", "model"] : ["model"],
                    (false, _) => text == "image_generation" || text.StartsWith("advisor_", StringComparison.Ordinal) ? ["model"] : [],
                };
                return read.Length > 0
                    && Choices.Select(choice => choice.Name).Order(StringComparer.Ordinal).SequenceEqual(read)
                    && Choices.TrueForAll(choice => choice.Place == place && choice.IsGood);
            }
        }
    }
}
