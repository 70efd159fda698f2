using System.Globalization;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Bodies of every endpoint, with the parts that determine their size: models, caps, choices, tiers, server tools, text, media, cache writes.</summary>
internal static class RandomBody
{
    /// <summary>A list like OpenRouter's: shared slugs, overrides, prices of caches, media, searches and fast tiers.</summary>
    public const string Prices = """
        {"data":[
          {"id":"a/plain:free","canonical_slug":"a/plain-2026","pricing":{"prompt":"0","completion":"0"} },
          {"id":"a/plain","canonical_slug":"a/plain-2026","pricing":{"prompt":"0.0000025","completion":"0.00001"} },
          {"id":"a/plain:batch","canonical_slug":"a/plain-2026","pricing":{"prompt":"0.00000125","completion":"0.000005"} },
          {"id":"a/long","canonical_slug":"a/long","pricing":{"prompt":"0.000001","completion":"0.000004","request":"0.001","overrides":[
            {"min_prompt_tokens":500,"prompt":"0.000004"},{"min_prompt_tokens":2000,"prompt":"0.000002","completion":"0.00002"},
            {"utc_start":"2200","utc_end":"0600","prompt":"0.000003","completion":"0.000003"} ]} },
          {"id":"a/asked","pricing":{"prompt":"0.000003","completion":"0.000015","input_cache_write":"0.00000375","input_cache_write_1h":"0.000006"} },
          {"id":"a/unasked","pricing":{"prompt":"0.000002","completion":"0.000016","input_cache_write":"0.0000025"} },
          {"id":"a/quick","pricing":{"prompt":"0.000005","completion":"0.000025"} },
          {"id":"a/quick-fast","pricing":{"prompt":"0.00003","completion":"0.00015"} },
          {"id":"a/media","pricing":{"prompt":"0.0000003","completion":"0.0000025","image":"0.001238","audio":"0.000001","image_output":"0.00003"} } ]}
        """;

    /// <summary>The models of the bodies, without variants that are not listed.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "a/plain", "a/plain:free", "a/plain-2026", "a/plain:batch", "a/long", "a/asked", "a/unasked", "a/quick", "a/media",
    ];

    private static readonly string[] Models =
    [
        .. Names, "a/plain:nitro", "a/long:floor", "A/Plain:ONLINE", " a/plain-2026:nitro ", "a/quick:nitro",
    ];

    /// <summary>The members of the endpoints on which OpenRouter runs server tools.</summary>
    private static readonly BodyMemberName[] Loop =
    [
        BodyMemberName.Stream, BodyMemberName.SessionId, BodyMemberName.Tools, BodyMemberName.ToolChoice, BodyMemberName.MaxToolCalls,
        BodyMemberName.StopServerToolsWhen, BodyMemberName.Plugins, BodyMemberName.ServiceTier, BodyMemberName.Speed,
    ];

    private static readonly string[] Words =
        ["hello ", "world", "ééé ", "你好", "😀", "please_summarise_", "a/b+c=", "\"quoted\"", "\n", "data:image/png;base64,", ", ", "{\"type\":\"image\"}"];

    private static readonly string[] MediaTypes = ["image/png", "audio/wav", "video/mp4", "application/pdf", "text/plain", "text/html", "application/json", ""];

    /// <summary>A body.</summary>
    public static TreeObject Create(string path, TestRandom random)
    {
        var body = new TreeObject(("model", ModelName(random)));
        foreach (var (name, value) in Content(path, random))
        {
            body = body.With(random, name, value);
        }

        for (var i = random.Next(4); i > 0; i--)
        {
            var (name, value) = Member(random);
            body = body.Members.Any(member => member.Name == name) ? body : body.With(random, name, value);
        }

        return body;
    }

    /// <summary>A member that determines a size on one endpoint or another.</summary>
    public static (string Name, BodyTree Value) Member(TestRandom random) => random.Next(13) switch
    {
        0 or 1 => ("max_tokens", Count(random)),
        2 => ("max_completion_tokens", Count(random)),
        3 => ("max_output_tokens", Count(random)),
        4 => ("n", Count(random, 5)),
        5 => ("best_of", Count(random, 5)),
        6 => ("service_tier", Tier(random)),
        7 => ("speed", Speed(random)),
        8 => ("provider", Pick(random, "null", "{}", "{\"order\":[\"openai\"]}", "{\"only\":[\"openai/priority\"]}")),
        9 => ("cache_control", Pick(random, "{\"type\":\"ephemeral\"}", "{\"ttl\":\"1h\",\"type\":\"ephemeral\"}")),
        10 => ("models", ModelNames(random, random.Next(3))),
        11 => ("plugins", Plugins(random)),
        _ => ("tools", Tools(random)),
    };

    /// <summary>The members that an endpoint ignores: those of other endpoints, and some that are spelled like one that it reads.</summary>
    public static IReadOnlyList<(string Name, BodyTree Value)> IgnoredMembers(string path, TestRandom random)
    {
        var read = ReadBy(path);
        return
        [
            .. Enum.GetValues<BodyMemberName>().Except(read).Select(name => (FactsFromJson.NameOf(name), Value(name, random))),
            .. ((string[])["max_new_tokens", "MAX_TOKENS", "max_tokens ", "maxTokens", "N", "max_tokens_to_sample", "ttl", "type", "bytes_per_token", "usage"])
                .Select(name => (name, (BodyTree)Count(random))),
        ];
    }

    /// <summary>A member that an endpoint ignores.</summary>
    public static (string Name, BodyTree Value) IgnoredMember(string path, TestRandom random)
    {
        var members = IgnoredMembers(path, random);
        return members[random.Next(members.Count)];
    }

    /// <summary>Text, long or short.</summary>
    public static TreeText Text(TestRandom random)
    {
        var repeat = random.Next(6) == 0 ? 300 : 1 + random.Next(5);
        return new TreeText(string.Concat(Enumerable.Range(0, repeat).Select(_ => Words[random.Next(Words.Length)])), IsText: true);
    }

    /// <summary>A part of a message, of text or of media, and as honest as chance has it.</summary>
    public static TreeObject Part(TestRandom random)
    {
        var data = new TreeText(
            random.Next(3) == 0 ? string.Concat(Enumerable.Repeat("summarise_all_of_this/", 100)) : new string('A', 100 + random.Next(4000)));
        var mediaType = MediaTypes[random.Next(MediaTypes.Length)];
        var url = new TreeText($"data:{mediaType};base64,{data.Value}");
        var part = random.Next(12) switch
        {
            0 => Typed("image_url", ("image_url", new TreeObject(("url", url), ("detail", new TreeText("low"))))),
            1 => Typed("image_url", ("image_url", new TreeObject(("url", new TreeText("https://example.com/a.png"))))),
            2 => Typed("input_image", ("image_url", url)),
            3 => Typed("input_audio", ("input_audio", new TreeObject(("data", data), ("format", new TreeText("wav"))))),
            4 => Typed("file", ("file", new TreeObject(("filename", new TreeText("a")), ("file_data", url)))),
            5 => Typed("input_file", ("file_data", url)),
            6 => Typed("image", ("source", Source())),
            7 => Typed("document", ("source", Source())),
            8 => Typed("tool_use", ("input", new TreeObject(("type", new TreeText("image_url")), ("image_url", new TreeObject(("url", url)))))),
            9 => Typed("tool_result", ("content", new TreeArray(Typed("image", ("source", Source()))))),
            _ => Typed("text", ("text", Text(random))),
        };
        return random.Next(8) == 0 ? part.With(random, "type", new TreeText(random.Next(2) == 0 ? "text" : "image_url")) : part;

        TreeObject Source() => new(
            ("type", new TreeText(random.Next(4) == 0 ? "text" : "base64")), ("media_type", new TreeText(mediaType)), ("data", data));

        static TreeObject Typed(string type, (string, BodyTree) member) => new(("type", new TreeText(type)), member);
    }

    /// <summary>The members that an endpoint reads by OpenRouter's documents. All read those that choose models and providers.</summary>
    private static BodyMemberName[] ReadBy(string path) =>
    [
        BodyMemberName.Model, BodyMemberName.Models, BodyMemberName.Provider, BodyMemberName.Preset,
        .. path switch
        {
            "/v1/chat/completions" => (BodyMemberName[])
            [
                BodyMemberName.Messages, BodyMemberName.Prompt, BodyMemberName.MaxTokens, BodyMemberName.MaxCompletionTokens, BodyMemberName.Choices,
                BodyMemberName.PromptCacheKey, BodyMemberName.ParallelToolCalls, BodyMemberName.WebSearchOptions, .. Loop,
            ],
            "/v1/completions" =>
                [BodyMemberName.Prompt, BodyMemberName.MaxTokens, BodyMemberName.Choices, BodyMemberName.BestOf, BodyMemberName.Stream],
            "/v1/responses" =>
            [
                BodyMemberName.Input, BodyMemberName.Prompt, BodyMemberName.MaxOutputTokens, BodyMemberName.PromptCacheKey,
                BodyMemberName.ParallelToolCalls, .. Loop,
            ],
            "/v1/messages" => [BodyMemberName.Messages, BodyMemberName.MaxTokens, BodyMemberName.Fallbacks, .. Loop],
            "/v1/embeddings" => [BodyMemberName.Input],
            "/v1/rerank" => [BodyMemberName.Documents],
            _ => [BodyMemberName.Prompt, BodyMemberName.Choices, BodyMemberName.Stream],
        },
    ];

    private static BodyTree Value(BodyMemberName name, TestRandom random) => name switch
    {
        BodyMemberName.MaxTokens or BodyMemberName.MaxCompletionTokens or BodyMemberName.MaxOutputTokens => Count(random),
        BodyMemberName.Choices or BodyMemberName.BestOf or BodyMemberName.MaxToolCalls => Count(random, 5),
        BodyMemberName.ServiceTier => Tier(random),
        BodyMemberName.Speed => Speed(random),
        BodyMemberName.Fallbacks => new TreeArray(new TreeObject(("model", ModelName(random)))),
        BodyMemberName.Messages or BodyMemberName.Input => random.Next(3) == 0 ? Text(random) : Conversation(random),
        BodyMemberName.Prompt => Prompts(random),
        BodyMemberName.Documents => Documents(random),
        BodyMemberName.Tools => Tools(random),
        BodyMemberName.Plugins => Plugins(random),
        BodyMemberName.StopServerToolsWhen => Pick(random, "null", "[{\"type\":\"max_cost\",\"max_cost_in_dollars\":0.0001}]"),
        BodyMemberName.WebSearchOptions => Pick(random, "null", "{}"),
        BodyMemberName.McpServers => Pick(random, "[]", "[{\"type\":\"url\"}]"),
        BodyMemberName.ToolChoice => Pick(random, "\"none\"", "\"auto\"", "\"required\""),
        BodyMemberName.Stream or BodyMemberName.ParallelToolCalls => Pick(random, "true", "false"),
        BodyMemberName.SessionId or BodyMemberName.PromptCacheKey => Text(random),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Every endpoint reads it, or it is new."),
    };

    private static TreeText ModelName(TestRandom random) => new(Models[random.Next(Models.Length)]);

    private static TreeArray ModelNames(TestRandom random, int count) => new([.. Enumerable.Range(0, count).Select(_ => (BodyTree)ModelName(random))]);

    /// <summary>Tools of the client and of OpenRouter. Those that choose models name them, so that there is a price.</summary>
    private static TreeArray Tools(TestRandom random) => new([.. Enumerable.Range(0, 1 + random.Next(2)).Select(_ => (BodyTree)(random.Next(6) switch
    {
        0 => Tool("openrouter:advisor", ("parameters", new TreeObject(("model", ModelName(random))))),
        1 => Tool("advisor_20260301", ("model", ModelName(random))),
        2 => Tool("openrouter:fusion", ("parameters", new TreeObject(("analysis_models", ModelNames(random, 2)), ("model", ModelName(random))))),
        3 => Tool(random.Next(2) == 0 ? "openrouter:web_search" : "web_search_20250305", ("max_uses", new TreeRaw("3"))),
        _ => Tool("function", ("description", Text(random))),
    }))]);

    private static TreeArray Plugins(TestRandom random) => new([.. Enumerable.Range(0, 1 + random.Next(2)).Select(_ => (BodyTree)(random.Next(4) switch
    {
        0 => new TreeObject(("id", new TreeText("auto-router")), ("allowed_models", ModelNames(random, 1 + random.Next(2)))),
        1 => new TreeObject(("id", new TreeText("fusion")), ("analysis_models", ModelNames(random, 1)), ("model", ModelName(random))),
        2 => new TreeObject(
            ("id", new TreeText("fusion")), ("enabled", new TreeRaw("false")), ("analysis_models", ModelNames(random, 2)), ("model", ModelName(random))),
        _ => new TreeObject(("id", new TreeText("web"))),
    }))]);

    private static TreeObject Tool(string type, (string, BodyTree) member) => new(("type", new TreeText(type)), member);

    private static TreeRaw Tier(TestRandom random) => Pick(random, "null", "\"auto\"", "\"default\"", "\"flex\"", "\"priority\"", "\"fast\"");

    private static TreeRaw Speed(TestRandom random) => Pick(random, "null", "\"standard\"", "\"fast\"");

    private static IEnumerable<(string Name, BodyTree Value)> Content(string path, TestRandom random) => path switch
    {
        "/v1/completions" => [("prompt", Prompts(random))],
        "/v1/embeddings" => [("input", Prompts(random))],
        "/v1/rerank" => [("query", Text(random)), ("documents", Documents(random))],
        "/v1/images" or "/v1/images/generations" => [("prompt", Text(random))],
        "/v1/responses" => random.Next(3) == 0 ? [("input", Text(random))] : [("input", Conversation(random))],
        _ => [("messages", Conversation(random))],
    };

    private static TreeArray Documents(TestRandom random) =>
        new([.. Enumerable.Range(0, random.Next(4) == 0 ? random.Next(400) : 2).Select(_ => (BodyTree)Text(random))]);

    private static BodyTree Prompts(TestRandom random) => random.Next(4) switch
    {
        0 => Text(random),
        1 => new TreeArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => (BodyTree)Text(random))]),
        2 => Tokens(),
        _ => new TreeArray([.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => (BodyTree)Tokens())]),
    };

    private static TreeArray Tokens() => new([.. Enumerable.Range(0, 50).Select(i => (BodyTree)new TreeRaw((i * 37 % 10).ToString(CultureInfo.InvariantCulture)))]);

    private static TreeArray Conversation(TestRandom random) => new([.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => (BodyTree)new TreeObject(
        ("role", new TreeText("user")),
        ("content", random.Next(3) == 0 ? Text(random) : new TreeArray([.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => (BodyTree)Part(random))]))))]);

    private static TreeRaw Count(TestRandom random, int most = 10_000) => new TreeRaw(random.Next(8) switch
    {
        0 => "null",
        1 => "0",
        2 => "1",
        3 => "-1",
        4 => "\"1\"",
        _ => random.Next(most).ToString(CultureInfo.InvariantCulture),
    });

    private static TreeRaw Pick(TestRandom random, params string[] values) => new(values[random.Next(values.Length)]);
}
