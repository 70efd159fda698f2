using System.Globalization;
using System.Text;
using Gateway.Tests.Support;

namespace Gateway.Tests.EndToEnd;

/// <summary>Requests that reach every verdict: duplicates, escapes, presets, fallbacks, aliases, odd providers, damaged JSON.</summary>
internal static class RandomRequest
{
    /// <summary>The limit of a body's size.</summary>
    public const int MaxSize = 30_000;

    private static readonly string[] Paths =
    [
        "/v1/chat/completions", "/v1/chat/completions", "/v1/chat/completions", "/api/v1/chat/completions", "/V1/Chat/Completions/", "/v1/messages",
        "/v1/responses", "/v1/embeddings", "/v1/images", "/v1/audio/speech", "/v1/models", "/v1/keys", "/v1//chat/completions", "/nowhere",
    ];

    private static readonly string[] Models =
    [
        TeamGateway.Model, TeamGateway.Model, "good/m", "gpt-4o", "nice", "evil", "bad/m", "BAD/m", "~bad/m", "bad/m:free", " good/m ", "good/m:nitro",
        "@preset/good", "@preset/bad", "good/m@preset/bad", "openrouter/auto", "", "mistralai/x",
    ];

    private static readonly string[] Presets = ["null", "\"good\"", "\"bad\"", "\"b\\u0061d\"", "\"\\ud800\"", "7", "[\"bad\"]", "{}"];

    private static readonly string[] Providers =
    [
        "null", "{}", "7", "\"azure\"", "{\"only\":[\"azure\"]}", "{\"only\":[\"openai\"]}", "{\"zdr\":false}", "{\"only\":\"azure\"}",
        "{\"max_price\":{\"prompt\":\"2\"}}", "{\"order\":[\"mistral\",\"x\"],\"only\":[]}",
    ];

    /// <summary>A path: mostly one that is rewritten.</summary>
    public static string Path(TestRandom random) => Paths[random.Next(Paths.Length)];

    /// <summary>A body: mostly an object that a gateway takes.</summary>
    public static byte[] Body(TestRandom random)
    {
        var json = new StringBuilder("{");
        var members = 1 + random.Next(6);
        for (var i = 0; i < members; i++)
        {
            json.Append(i == 0 ? "" : random.Next(4) == 0 ? " ,\n" : ",").Append(i == 0 && random.Next(2) == 0 ? ModelMember(random) : Member(random));
        }

        json.Append('}');
        var body = Encoding.UTF8.GetBytes(json.ToString());
        return random.Next(8) == 0 ? Damage(body, random) : body;
    }

    private static readonly string[] Tools =
    [
        "{\"type\":\"function\"}", "{\"type\":\"function\"}", "{\"type\":\"openrouter:web_search\"}", "{\"ty\\u0070e\":\"openrouter:files\"}",
        "{\"type\":\"openrouter:advisor\",\"parameters\":{\"model\":\"bad/m\"}}", "{\"type\":\"web_search_20250305\",\"name\":\"s\"}",
        "{\"model\":\"good/m\",\"type\":\"advisor_20260301\"}", "{\"type\":\"openrouter:datetime\"}", "7",
    ];

    private static readonly string[] Plugins = ["{\"id\":\"web\"}", "{\"id\":\"unheard\"}", "{\"id\":\"web\",\"enabled\":false}", "{\"id\":\"auto-router\"}"];

    private static readonly string[] Choices = ["\"auto\"", "\"required\"", "{\"type\":\"tool\",\"name\":\"s\"}"];

    private static string Member(TestRandom random) => random.Next(19) switch
    {
        < 6 => ModelMember(random),
        6 => Key("models", random) + (random.Next(30) == 0 ? Many() : $"[{Model(random)},{Model(random)}]"),
        7 => Key("fallbacks", random) + $"[{{\"model\":{Model(random)}}}]",
        8 => Key("preset", random) + Presets[random.Next(Presets.Length)],
        9 or 10 => Key("provider", random) + Providers[random.Next(Providers.Length)],
        11 => Key("session_id", random) + Quote("s" + random.Next(3).ToString(CultureInfo.InvariantCulture), random),
        14 or 15 => Key("tools", random) + $"[{Tools[random.Next(Tools.Length)]} , {Tools[random.Next(Tools.Length)]}]",
        16 => Key("plugins", random) + $"[{Plugins[random.Next(Plugins.Length)]}]",
        17 => random.Next(2) == 0
            ? Key("tool_choice", random) + Choices[random.Next(Choices.Length)]
            : Key("stop_server_tools_when", random) + (random.Next(2) == 0 ? "[]" : "null"),
        12 => Key("max_tokens", random) + random.Next(100).ToString(CultureInfo.InvariantCulture),
        _ => "\"messages\":[{\"role\":\"user\",\"content\":\"" + new string('x', random.Next(20) == 0 ? MaxSize : random.Next(40)) + "\"}]",
    };

    // Most teams refuse a body without it before anything else of it is judged.
    private static string ModelMember(TestRandom random) => Key("model", random) + Model(random);

    private static string Key(string name, TestRandom random) => Quote(name, random) + (random.Next(4) == 0 ? " : " : ":");

    private static string Model(TestRandom random) => random.Next(40) switch
    {
        0 => "null",
        1 => "7",
        2 => "\"\\ud800\"",
        _ => Quote(Models[random.Next(Models.Length)], random),
    };

    // More names than a scan takes.
    private static string Many() => $"[{string.Join(',', Enumerable.Repeat("\"good/m\"", 1500))}]";

    private static string Quote(string text, TestRandom random)
    {
        var at = random.Next(5) == 0 && text.Length > 0 ? random.Next(text.Length) : -1;
        return at < 0
            ? $"\"{text}\""
            : string.Create(CultureInfo.InvariantCulture, $"\"{text[..at]}\\u{(int)text[at]:x4}{text[(at + 1)..]}\"");
    }

    private static byte[] Damage(byte[] body, TestRandom random) => random.Next(8) switch
    {
        0 => body[..random.Next(body.Length)],
        1 => [.. body, (byte)'x'],
        2 => [.. Encoding.UTF8.Preamble, .. body],
        3 => [(byte)'[', .. body, (byte)']'],
        4 => [.. body[..^1], 0xFF, (byte)'}'],
        5 => [],
        6 => [.. " \n"u8, .. body, .. "\t "u8],
        _ => Replace(body, random),
    };

    private static byte[] Replace(byte[] body, TestRandom random)
    {
        body[random.Next(body.Length)] = (byte)"{}[]\",:\\x0 "[random.Next(11)];
        return body;
    }
}
