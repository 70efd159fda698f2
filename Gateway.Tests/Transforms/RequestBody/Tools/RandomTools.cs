using System.Globalization;
using System.Text;
using Gateway.Tests.Support;

namespace Gateway.Tests.Transforms.RequestBody.Tools;

/// <summary>Bodies with tools and plugins of every kind: nested, duplicated, escaped, of the wrong type.</summary>
internal static class RandomTools
{
    private static readonly string[] Types =
    [
        "function", "function", "function", "custom", "namespace", "namespace", "tool_search", "openrouter:bash", "apply_patch",
        "computer_use_preview", "bash_20250124", "text_editor_20250124", "memory_20250818", "openrouter:web_search", "web_search_20250305",
        "openrouter:advisor", "advisor_20260301", "openrouter:subagent", "openrouter:inspect_image", "openrouter:fusion", "openrouter:files", "mcp", "image_generation",
        "tool_search_tool_regex", "shell", "Function", "functions", "",
    ];

    private static readonly string[] Ids = ["web", "fusion", "auto-router", "file-parser", "response-healing", "new", "pareto-router"];

    private static readonly string[] Models = ["a/b", "anthropic/claude", "openai/*", "*", "é/😀", "x\\/y", "\\u0061/b"];

    private static readonly string[] Choices =
    [
        "\"auto\"", "\"none\"", "\"required\"", "null", "\"mcp\"", "{\"type\":\"mcp\"}", "{\"type\":\"function\",\"name\":\"f\"}",
        "{\"typ\\u0065\":\"any\"}", "{\"type\":\"allowed_tools\",\"tools\":[{\"type\":\"w\\u0065b_search_20250305\"}]}",
    ];

    private static readonly string[] InnerKeys =
    [
        "type", "model", "models", "analysis_models", "allowed_models", "tools", "engine", "preset", "parameters", "input_schema", "name",
        "properties", "execution", "enabled", "id", "x",
    ];

    /// <summary>A body with at least one of the members.</summary>
    public static string Body(TestRandom random)
    {
        var members = new List<string>();
        for (var i = 1 + random.Next(5); i > 0; i--)
        {
            members.Add(Member(random));
        }

        return "{" + Space(random) + string.Join(Comma(random), members) + Space(random) + "}";
    }

    private static string Member(TestRandom random) => random.Next(23) switch
    {
        > 19 => Key("input", random) + Input(random),
        16 => Key("stop_server_tools_when", random) + Pick(["null", "[]", "[ ]", "[{\"type\":\"step_count_is\",\"step_count\":5}]", "{\"type\":\"x\"}"], random),
        17 => Key("max_tool_calls", random) + Pick(["3", "99", "0", "null", "2.5"], random),
        18 => Key("parallel_tool_calls", random) + "true",
        < 6 => Key("tools", random) + List(random, depth: 0, isPlugin: false),
        < 10 => Key("plugins", random) + List(random, depth: 0, isPlugin: true),
        10 => Key("web_search_options", random) + Pick(["{}", "null", "{\"search_context_size\":\"low\"}", "true"], random),
        11 => Key("mcp_servers", random) + Pick(["[]", "[ ]", "null", "[{\"type\":\"url\",\"tools\":[{\"type\":\"mcp\"}]}]", "{}"], random),
        12 => Key(random.Next(2) == 0 ? "service_tier" : "speed", random) + Pick(["\"fast\"", "\"Priority\"", "\"fl\\u0065x\"", "\"f\\u0061st\"", "1", "null"], random),
        13 => Key("messages", random) + Pick(["[{\"role\":\"assistant\",\"mod\\u0065l\":\"p/q\"},{\"model\":7},\"x\"]", "[]", "\"x\"", "[{\"x\":{\"model\":\"no\"}}]"], random),
        14 => Key("tool_choice", random) + Pick(Choices, random),
        15 => Key("prompt", random) + Pick(["{\"id\":\"p\"}", "{\"variables\":{\"id\":\"x\"},\"\\u0069d\":\"p\\u0071\"}", "{}", "{\"id\":\"a\",\"id\":null}", "\"text\"", "{\"id\":[{}]}"], random),
        _ => Key("model", random) + "\"openai/gpt-4o\"",
    };

    private static string Input(TestRandom random)
    {
        if (random.Next(10) == 0)
        {
            return random.Next(2) == 0 ? Scalar(random) : Item(random);
        }

        var items = new List<string>();
        for (var i = random.Next(4); i > 0; i--)
        {
            items.Add(random.Next(10) switch
            {
                0 => Scalar(random),
                1 => $"[{Item(random)}]",
                _ => Item(random),
            });
        }

        return "[" + Space(random) + string.Join(Comma(random), items) + Space(random) + "]";
    }

    private static string Item(TestRandom random)
    {
        var members = new List<string>();
        for (var i = random.Next(4); i > 0; i--)
        {
            members.Add(random.Next(5) switch
            {
                0 => Key("type", random) + Pick(["\"additional_tools\"", "\"tool_search_output\"", "\"message\"", "\"mcp\""], random),
                1 => Key("content", random) + $"[{Item(random)}]",
                2 => InnerMember(random, depth: 1, isPlugin: false),
                _ => Key("tools", random) + List(random, depth: 0, isPlugin: false),
            });
        }

        return "{" + Space(random) + string.Join(Comma(random), members) + Space(random) + "}";
    }

    private static string List(TestRandom random, int depth, bool isPlugin)
    {
        if (random.Next(12) == 0)
        {
            return random.Next(3) == 0 ? Scalar(random) : Element(random, depth, isPlugin);
        }

        var elements = new List<string>();
        for (var i = random.Next(depth == 0 ? 5 : 3); i > 0; i--)
        {
            elements.Add(random.Next(12) == 0 ? Inner(random, depth + 2) : Element(random, depth, isPlugin));
        }

        return "[" + Space(random) + string.Join(Comma(random), elements) + Space(random) + "]";
    }

    private static string Element(TestRandom random, int depth, bool isPlugin)
    {
        if (random.Next(5) == 0)
        {
            return Choosing(random, depth, isPlugin);
        }

        var members = new List<string>();
        if (random.Next(8) > 0)
        {
            members.Add(isPlugin
                ? Key("id", random) + Quote(Pick(Ids, random), random)
                : Key("type", random) + (random.Next(12) == 0 ? Scalar(random) : Quote(Pick(Types, random), random)));
        }

        for (var i = random.Next(4); i > 0; i--)
        {
            members.Insert(random.Next(members.Count + 1), InnerMember(random, depth + 1, isPlugin));
        }

        return "{" + Space(random) + string.Join(Comma(random), members) + "}";
    }

    // A tool that names its models where it reads them, at times with a second name that may be a decoy.
    private static string Choosing(TestRandom random, int depth, bool isPlugin)
    {
        var name = isPlugin
            ? Pick(["fusion", "auto-router", "auto-beta-router", "pareto-router", "new-router"], random)
            : Pick(["openrouter:advisor", "openrouter:fusion", "openrouter:image_generation", "advisor_20260301", "image_generation", "fusion"], random);
        var one = Key("model", random) + Model(random);
        var list = Key(name.EndsWith("router", StringComparison.Ordinal) ? "allowed_models" : "analysis_models", random) + $"[{Model(random)}]";
        var models = name.EndsWith("router", StringComparison.Ordinal) ? list
            : name.Contains("fusion", StringComparison.Ordinal) ? one + Comma(random) + list : one;
        if (random.Next(4) == 0)
        {
            models += Comma(random) + InnerMember(random, depth + 1, isPlugin);
        }

        var members = new List<string>
        {
            Key(isPlugin ? "id" : "type", random) + Quote(name, random),
            name.StartsWith("openrouter:", StringComparison.Ordinal) ? $"{Key("parameters", random)}{{{models}}}" : models,
        };
        if (random.Next(3) == 0)
        {
            members.Insert(random.Next(3), InnerMember(random, depth + 1, isPlugin));
        }

        return "{" + Space(random) + string.Join(Comma(random), members) + "}";
    }

    private static string InnerMember(TestRandom random, int depth, bool isPlugin) => random.Next(12) switch
    {
        0 => Key("type", random) + Quote(Pick(Types, random), random),
        1 when isPlugin => Key("enabled", random) + Pick(["true", "false", "false", "null", "\"false\""], random),
        2 when isPlugin => Key("pin_model", random) + Pick(["true", "false", "1"], random),
        3 => Key("execution", random) + Pick(["\"client\"", "\"cl\\u0069ent\"", "\"server\"", "null"], random),
        4 => Key("tools", random) + List(random, depth, isPlugin: false),
        5 => Key("model", random) + Model(random),
        6 => Key(Pick(["models", "analysis_models", "allowed_models"], random), random) + $"[{Model(random)}{Comma(random)}{Model(random)}]",
        _ => Key(Pick(InnerKeys, random), random) + Inner(random, depth),
    };

    private static string Inner(TestRandom random, int depth)
    {
        if (depth > 5 || random.Next(3) == 0)
        {
            return Scalar(random);
        }

        var parts = new List<string>();
        for (var i = random.Next(3); i > 0; i--)
        {
            parts.Add(Inner(random, depth + 1));
        }

        return random.Next(2) == 0
            ? $"[{string.Join(Comma(random), parts)}]"
            : $"{{{string.Join(Comma(random), parts.Select(part => InnerMember(random, depth + 1, isPlugin: false)))}}}";
    }

    private static string Scalar(TestRandom random) => Pick(["1", "-0.5e3", "true", "false", "null", "\"text\"", "\"mcp\"", "\"\""], random);

    private static string Model(TestRandom random) => random.Next(8) == 0 ? Scalar(random) : $"\"{Pick(Models, random)}\"";

    private static string Key(string name, TestRandom random) => Quote(name, random) + (random.Next(5) == 0 ? " : " : ":");

    private static string Quote(string text, TestRandom random)
    {
        if (text.Length == 0 || random.Next(5) > 0)
        {
            return $"\"{text}\"";
        }

        var at = random.Next(text.Length);
        return new StringBuilder("\"").Append(text, 0, at).Append(CultureInfo.InvariantCulture, $"\\u{(int)text[at]:x4}")
            .Append(text, at + 1, text.Length - at - 1).Append('"').ToString();
    }

    private static string Comma(TestRandom random) => random.Next(4) == 0 ? " ,\n" : ",";

    private static string Space(TestRandom random) => random.Next(4) == 0 ? " " : "";

    private static string Pick(string[] all, TestRandom random) => all[random.Next(all.Length)];
}
