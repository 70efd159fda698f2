using System.Text;

namespace Gateway.Tests.Support;

/// <summary>
/// The corpus of hostile requests. A new case is one line. <c>HostileRequestTests</c> sends each of them to a gateway without teams and to
/// one with teams, and checks the status and the rules that every forwarded request has to obey.
/// </summary>
internal static class HostileRequests
{
    /// <summary>Stands for the caller's key.</summary>
    public const string Key = "<KEY>";

    /// <summary>Stands for the request's <c>x-fake-id</c>.</summary>
    public const string Id = "<ID>";

    /// <summary>A model of whose price only the settings of the gateway with teams tell: a dollar a token.</summary>
    public const string DearModel = "openai/dear";

    // Begins a target in absolute form.
    private const string Origin = "http://h";

    private const string Chat = "/v1/chat/completions";
    private const string Responses = "/v1/responses";
    private const string Messages = "/v1/messages";
    private const string Allowed = TeamGateway.Model;
    private const string Plain = $$"""{"model":"{{Allowed}}","messages":[]}""";

    private static readonly string Large = new('x', 65_536);

    /// <summary>The headers of clients that never go upstream.</summary>
    public static IReadOnlyList<string> HiddenHeaders { get; } =
    [
        "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "True-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6",
        "X-Client-IP", "X-Cluster-Client-IP", "X-Envoy-External-Address", "X-Original-Forwarded-For", "Fastly-Client-IP", "Fly-Client-IP",
        "X-Azure-ClientIP", "cf-ew-via", "CF-Visitor", "CF-IPCountry", "CF-IPCity", "Cf-Access-Jwt-Assertion", "CloudFront-Viewer-Address", "CloudFront-Viewer-Country-Name",
        "X-Appengine-Remote-Addr", "X-AppEngine-User-IP", "X-Original-Remote-Addr", "Incap-Client-IP", "X-Sucuri-ClientIP", "CDN-Loop",
        "x-openrouter-fusion-depth", "X-OpenRouter-Advisor-Depth", "x-openrouter-subagent-depth",
        "x-openrouter-other-depth", "X-Enable-Plugins", "x-enable-plugins", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override",
        "X-Envoy-Original-Path",
    ];

    public static IReadOnlyList<HostileRequest> All { get; } =
    [
        .. HostileBodies.NotOneObject.Select((body, i) => new HostileRequest($"not one object {i + 1}", Post(body), 400, 400)),
        .. Bodies(), .. Models(), .. Names(), .. Tools(), .. Estimates(), .. Types(), .. Paths(), .. Framing(), .. Callers(), .. Upgrades(), .. Headers(),
    ];

    private static HostileRequest[] Bodies() =>
    [
        new("invalid UTF-8", PostLatin("{\"a\":\"\u00FF\"}"), 400, 400),
        new("overlong UTF-8", PostLatin("{\"a\":\"\u00C0\u0080\"}"), 400, 400),
        new("surrogate in UTF-8", PostLatin("{\"a\":\"\u00ED\u00A0\u0080\"}"), 400, 400),
        new("UTF-16", PostLatin("\u00FE\u00FF\0{\0}"), 400, 400),
        new("surrogate in a role", Post($"{{\"model\":\"{Allowed}\",\"messages\":[{{\"role\":\"\\udc00\",\"content\":\"x\"}}]}}"), 200, 200),
        new("surrogate in the name of a message's member", Post($"{{\"model\":\"{Allowed}\",\"messages\":[{{\"\\ud800\":1}}]}}"), 200, 200),
        new("provider is text", Post(With("\"provider\":\"openai\"")), 400, 400),
        new("provider is a list", Post(With("\"provider\":[]")), 400, 400),
        new("provider is a number", Post(With("\"provider\":1")), 400, 400),
        new("provider is null", Post(With("\"provider\":null")), 200, 200),
        new("provider of the client", Post(With("\"provider\":{\"only\":[\"openai\"]}")), 403, 403),
        new("provider escaped", Post(With("\"provid\\u0065r\":{\"only\":[\"openai\"]}")), 403, 403),
        new("provider twice, bad one last", Post(With("\"provider\":{\"zdr\":true},\"provider\":{\"only\":[\"openai\"]}")), 403, 403),
        new("provider twice, bad one first", Post(With("\"provider\":{\"only\":[\"openai\"]},\"provider\":{\"zdr\":true}")), 200, 200),
        new("provider that hardens nothing", Post(With("\"provider\":{\"zdr\":false,\"only\":[\"mistral\",\"openai\"]}")), 200, 200),
        new("provider of 64 KB", Post(With($"\"provider\":{{\"order\":[\"{Large}\"]}}")), 400, 400),
        new("provider of 64 KB, then a small one", Post(With($"\"provider\":{{\"x\":\"{Large}\"}},\"provider\":{{}}")), 400, 400),
        new("provider a thousand times", Post(With(Repeat("\"provider\":{}", 1025))), 400, 400),
        new("model a thousand times", Post("{" + Repeat($"\"model\":\"{Allowed}\"", 1025) + "}"), 400, 400),
        new("model of 4 KB", Post($"{{\"model\":\"{Large}\"}}"), 400, 400),
        new("models of a thousand", Post($"{{\"models\":[{Repeat($"\"{Allowed}\"", 1025)}]}}"), 400, 400),
        new("nested 5,000 deep", Post(With($"\"a\":{new string('[', 5000)}{new string(']', 5000)}")), 200, 200),
        new("rule in a nested look-alike", Post(With("\"a\":{\"provider\":{\"only\":[\"mistral\"]}}")), 200, 200),
    ];

    private static HostileRequest[] Models() =>
    [
        new("denied model", Post("{\"model\":\"denied/x\"}"), 200, 403),
        new("denied model in capitals", Post("{\"model\":\"DENIED/X\"}"), 200, 403),
        new("denied model, escaped name", Post("{\"mod\\u0065l\":\"denied/x\"}"), 200, 403),
        new("denied model, escaped value", Post("{\"model\":\"d\\u0065nied/x\"}"), 200, 403),
        new("denied model first", Post($"{{\"model\":\"denied/x\",\"messages\":[],\"model\":\"{Allowed}\"}}"), 200, 403),
        new("denied model last", Post($"{{\"model\":\"{Allowed}\",\"model\":\"denied/x\"}}"), 200, 403),
        new("denied model in models", Post(With("\"models\":[\"denied/x\"]")), 200, 403),
        new("denied model in earlier models", Post(With("\"models\":[\"denied/x\"],\"models\":[]")), 200, 403),
        new("denied model in fallbacks", Post(With("\"fallbacks\":[{\"model\":\"denied/x\"}]")), 200, 403),
        new("denied model with a variant", Post("{\"model\":\"denied/x:free\"}"), 200, 403),
        new("denied model with a tilde", Post("{\"model\":\"~denied/x\"}"), 200, 403),
        new("preset as a model", Post("{\"model\":\"@preset/x\"}"), 403, 403),
        new("preset behind a model", Post($"{{\"model\":\"{Allowed}@preset/x\"}}"), 403, 403),
        new("preset beside a model", Post(With("\"preset\":\"x\"")), 403, 403),
        new("no model", Post("{\"messages\":[]}"), 200, 403),
        new("control characters in a model", Post("{\"model\":\"a\\u001b[2Jb\\u202Ec\\u009B\"}"), 400, 400),
    ];

    private static HostileRequest[] Names() =>
    [
        .. ((string[])["\uFF4Fpenai/x", "openai/x\\u0000", "denied/x\\u00a0", "denied/x\\ud800", "denied\\u2044x"]).Select(
            name => new HostileRequest("model " + name, Post($"{{\"model\":\"{name}\"}}"), 400, 400)),
        new("model with forty variants", Post($"{{\"model\":\"denied/x{string.Concat(Enumerable.Repeat(":free", 40))}\"}}"), 400, 400),
        new("model is a number", Post("{\"model\":7}"), 400, 400),
        new("model is a list", Post("{\"model\":[\"denied/x\"]}"), 400, 400),
        new("models is an object", Post(With("\"models\":{\"a\":\"denied/x\"}")), 400, 400),
        new("number in models", Post(With("\"models\":[7]")), 400, 400),
        new("allowed model between blanks", Post($"{{\"model\":\" {Allowed} \"}}"), 200, 200),
        new("denied model between blanks", Post("{\"model\":\" denied/x \"}"), 200, 403),
        new("denied model before an escaped blank", Post(With("\"models\":[\"denied/x\\u0020\"]")), 200, 403),
        new("denied model, disguised three times", Post("{\"model\":\"~Denied/X:floor\"}"), 200, 403),
        new("denied model as text in fallbacks", Post(With("\"fallbacks\":[\"denied/x\"]")), 200, 403),
        new("empty model", Post("{\"model\":\"\"}"), 200, 403),
        new("model is null", Post("{\"model\":null}"), 200, 403),
        new("router", Post("{\"model\":\"openrouter/auto\"}"), 200, 403),
        new("fusion", Post("{\"model\":\"openrouter/fusion\"}"), 200, 403),
        new("two presets", Post($"{{\"model\":\"{Allowed}@preset/a@preset/b\"}}"), 403, 403),
    ];

    // The rule closes every server tool, since no member of `provider` binds one.
    private static HostileRequest[] Tools() =>
    [
        new("server tool", Post(With("\"tools\":[{\"type\":\"openrouter:web_search\"}]")), 403, 403),
        new("server tool, escaped", Post(With("\"t\\u006fols\":[{\"typ\\u0065\":\"openrouter:f\\u0069les\"}]")), 403, 403),
        new("server tool in the earlier list", Post(With("\"tools\":[{\"type\":\"mcp\"}],\"tools\":[]")), 403, 403),
        new("server tool behind a function", Post(With("\"tools\":[{\"type\":\"function\",\"type\":\"mcp\"}]")), 403, 403),
        new("server tool in a namespace", Post(With("\"tools\":[{\"type\":\"namespace\",\"tools\":[{\"type\":\"mcp\"}]}]")), 403, 403),
        new("server tool that names an allowed model", Post(With($"\"tools\":[{{\"type\":\"openrouter:advisor\",\"parameters\":{{\"model\":\"{Allowed}\"}}}}]")), 403, 403),
        new("server tool of a new type", Post(With("\"tools\":[{\"type\":\"new_tool\"}]")), 403, 403),
        new("server tool whose type is a number", Post(With("\"tools\":[{\"type\":7}]")), 403, 403),
        new("tools is an object", Post(With("\"tools\":{\"type\":\"mcp\"}")), 403, 403),
        new("advisor of messages", To(Messages, With("\"tools\":[{\"type\":\"advisor_20260301\",\"model\":\"denied/x\"}]")), 403, 403),
        new("MCP servers of messages", To(Messages, With("\"mcp_servers\":[{\"type\":\"url\"}]")), 403, 403),
        new("server tool in an item of input", To(Responses, With("\"input\":[{\"type\":\"additional_tools\",\"tools\":[{\"type\":\"mcp\"}]}]")), 403, 403),
        new("stored prompt", To(Responses, With("\"prompt\":{\"\\u0069d\":\"p\"}")), 403, 403),
        new("search by a variant", Post($"{{\"model\":\"{Allowed}:ONLINE:nitro\"}}"), 403, 403),
        new("search by options", Post(With("\"web_search_options\":{}")), 403, 403),
        new("plugin", Post(With("\"plugins\":[{\"id\":\"web\"}]")), 403, 403),
        new("plugin that names models", Post(With("\"plugins\":[{\"id\":\"fusion\",\"analysis_models\":[\"denied/x\"]}]")), 403, 403),
        new("plugin disabled and enabled", Post(With("\"plugins\":[{\"id\":\"web\",\"enabled\":false,\"enabled\":true}]")), 403, 403),
        new("plugin disabled by text", Post(With("\"plugins\":[{\"id\":\"web\",\"enabled\":\"false\"}]")), 403, 403),
        new("plugin disabled", Post(With("\"plugins\":[{\"id\":\"web\",\"enabled\":false}]")), 200, 200),
        new("function that looks like a server tool", Post(With("\"tools\":[{\"type\":\"function\",\"parameters\":{\"type\":\"mcp\",\"model\":\"denied/x\"}}]")), 200, 200),
        new("server tools, a thousand", Post(With($"\"tools\":[{Repeat("{\"type\":\"mcp\"}", 1025)}]")), 400, 400),
        new("server tools nested 17 deep", Post(With($"\"tools\":[{Nested(17)}]")), 400, 400),
    ];

    // The team's budget is a thousand dollars, and a token of this model costs one.
    private static HostileRequest[] Estimates() =>
    [
        new("dear model at a small cap", Post(Dear("\"max_tokens\":1")), 200, 200),
        new("cap of responses in chat", Post(Dear("\"max_output_tokens\":1")), 200, 402),
        new("caps of chat in responses", To(Responses, Dear("\"max_tokens\":1,\"max_completion_tokens\":1")), 200, 402),
        new("cap of responses in messages", To(Messages, Dear("\"max_output_tokens\":1")), 200, 402),
        new("caps of others in completions", To("/v1/completions", Dear("\"max_output_tokens\":1,\"max_completion_tokens\":1")), 200, 402),
        new("small cap behind a large one", Post(Dear("\"max_tokens\":5000,\"max_tokens\":1")), 200, 402),
        new("large cap behind a small one, escaped", Post(Dear("\"max_tokens\":1,\"max_t\\u006fkens\":5000")), 200, 402),
        new("cap of minus one", Post(Dear("\"max_tokens\":-1")), 200, 402),
        new("choices by another name", Post(Dear("\"max_tokens\":1,\"best_of\":5000")), 200, 402),
        new("fast tier behind a cheap one", Post(Dear("\"max_tokens\":500,\"service_tier\":\"default\",\"service_tier\":\"priority\"")), 200, 402),
        new("text in the alphabet of base64", Post(Dear($"\"max_tokens\":1,\"messages\":[{{\"role\":\"user\",\"content\":\"{Large}\"}}]")), 200, 402),
        new("text as a picture", Post(Dear($"\"max_tokens\":1,\"messages\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"data:text/plain;base64,{Large}\"}}}}]}}]")), 200, 402),
    ];

    private static HostileRequest[] Types() =>
    [
        new("multipart", Post(Plain, "Content-Type: multipart/form-data; boundary=b"), 415, 415),
        new("multipart that says JSON", Post(Plain, "Content-Type: multipart/json; application/json"), 415, 415),
        new("multipart in capitals", Post(Plain, "Content-Type: MULTIPART/RELATED"), 415, 415),
        new("multipart behind JSON", Post(Plain, "Content-Type: application/json, multipart/mixed"), 415, 415),
        new("multipart as a second line", Post(Plain, "Content-Type: application/json", "Content-Type: multipart/mixed"), 415, 415),
        new("multipart form", Post("--b\r\n\r\nx\r\n--b--", "Content-Type: multipart/form-data; boundary=b"), 415, 415),
        new("form", Post(Plain, "Content-Type: application/x-www-form-urlencoded"), 200, 200),
        new("text", Post(Plain, "Content-Type: text/plain"), 200, 200),
        new("unknown encoding", Post(Plain, "Content-Encoding: zstd"), 415, 415),
        new("two encodings", Post(Plain, "Content-Encoding: gzip, gzip"), 415, 415),
        new("encoding of another body", Post(Plain, "Content-Encoding: gzip"), 400, 400),
        new("encoding of another body, br", Post(Plain, "Content-Encoding: br"), 400, 400),
    ];

    private static HostileRequest[] Paths() =>
    [
        .. ((string[])["/v1/chat//completions", "/v1/chat%2Fcompletions", "/v1/chat\\completions", "/v1/chat%5ccompletions", "/v2/models"])
            .Select(path => new HostileRequest("path " + path, To(path), 404, 404)),
        .. ((string[])["/V1/Chat/Completions", "/v1/chat/completions/", "/v1/x/../chat/completions", "/v1/%63hat/completions"])
            .Select(path => new HostileRequest("path " + path, To(path), 200, 200)),
        .. ((string[])["/v1/keys", "/v1/models/../keys", "/v1/%6Beys", "/v1/%256Beys", "/v1/keys;/models", "/v1/auth/keys", "/v1/files"])
            .Select(path => new HostileRequest("path " + path, To(path), 200, 403)),

        // Kestrel removes the dot segments of a target in absolute form before it decodes them.
        .. ((string[])
        [
            "/v1/x%2F..%2Fchat/completions", "/v1/x%2f../chat/completions", "/v1/x%5C..%5cchat/completions", "/v1/x%2F.%2Fchat%2Fcompletions",
            "/v1/x/%2E%2E%2Fchat/completions", "/v1/chat/%2e%2e%2f%2e%2e%2fkeys", "/v1/x%2F..%2F..%2F..%2Finternal", "/v1/models%2F..",
            "/v1/chat%2Fcompletions", "/v1/chat%5Ccompletions", "/v1/chat\\completions", "/v1/chat//completions", "/v1/chat%2Fcompletions?q=1",
        ]).Select(path => new HostileRequest("absolute path " + path, To(Origin + path), 404, 404)),
        .. ((string[])
        [
            "/v1/chat/completions", "/V1/Chat/Completions", "/v1/x/../chat/completions", "/v1/x/%2e%2e/chat/completions",
            "/v1/%63hat/completions", "/v1/chat/completions?q=%2F..%5C",
        ]).Select(path => new HostileRequest("absolute path " + path, To(Origin + path), 200, 200)),
        new("absolute path to keys", To(Origin + "/v1/models/../keys"), 200, 403),
        new("absolute path of another scheme", To("file://h/v1/chat/completions"), HostileRequest.Refused, HostileRequest.Refused),
        new("call of another team", Get("/v1/generation?id=gen-1"), HostileRequest.Any, 404),
        new("two calls", Get("/v1/generation?id=gen-1&id=gen-2"), HostileRequest.Any, 404),
        new("prompts of a call", Get("/v1/generation/content?id=gen-1"), HostileRequest.Any, 403),
        new("tunnel", Send("CONNECT", "/v1/models", null), 405, 405),
        new("tunnel to a host", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", HostileRequest.Refused, HostileRequest.Refused),
        new("TRACE", Send("TRACE", Chat, null), HostileRequest.Any, 403),
        new("PUT", Send("PUT", Chat, Plain), HostileRequest.Any, 403),
    ];

    private static HostileRequest[] Framing() =>
    [
        .. ((string[])
        [
            "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: abc",
            "Content-Length: -1", "Content-Length: +1", "Content-Length: 0x5", "Transfer-Encoding: gzip", "Transfer-Encoding: xchunked",
        ]).Select(lines => new HostileRequest(
            "framing " + lines.Replace("\r\n", ", ", StringComparison.Ordinal), Head("POST", Chat, lines) + "0\r\n\r\n",
            HostileRequest.Refused, HostileRequest.Refused)),
        .. ((string[])["zz", "ffffffffffffffff", "-1", "1;\u0000"]).Select(size => new HostileRequest(
            "chunk " + size,
            Head("POST", Chat, "Transfer-Encoding: chunked") + size + "\r\nx\r\n0\r\n\r\n",
            HostileRequest.Refused,
            HostileRequest.Refused)),
        new("terabyte", Head("POST", Chat, "Content-Length: 1099511627776"), 413, 413),
        new("blank before a colon", Head("POST", Chat, "Content-Length : 0"), HostileRequest.Refused, HostileRequest.Refused),
        new("folded header", Head("POST", Chat, "X-A: a\r\n b", "Content-Length: 0"), HostileRequest.Refused, HostileRequest.Refused),
        new("NUL in a header", Head("POST", Chat, "X-A: a\0b", "Content-Length: 0"), HostileRequest.Refused, HostileRequest.Refused),
        new("no host", $"GET /v1/models HTTP/1.1\r\nAuthorization: Bearer {Key}\r\n\r\n", HostileRequest.Refused, HostileRequest.Refused),
        new("two hosts", Head("GET", "/v1/models", "Host: other"), HostileRequest.Refused, HostileRequest.Refused),
        new("header of 300 KB", Head("GET", "/v1/models", "X-A: " + new string('x', 300_000)), 431, 431),
        new("target of 300 KB", Head("GET", "/v1/models?" + new string('x', 300_000)), 414, 414),
        new("no HTTP", "\u0016\u0003\u0001\u0002\0\u0001\r\n\r\n", HostileRequest.Refused, HostileRequest.Refused),
    ];

    private static HostileRequest[] Callers() =>
    [
        new("no key", Anonymous("POST", Chat, Plain), 401, 401),
        new("empty key", Anonymous("POST", Chat, Plain, "Authorization: Bearer "), 401, 401),
        new("basic", Anonymous("POST", Chat, Plain, "Authorization: Basic eDp5"), 401, 401),
        new("gateway's key of nobody", Anonymous("POST", Chat, Plain, "Authorization: Bearer ogw-nobody"), 401, 401),
        new("gateway's key beside another", Anonymous("POST", Chat, Plain, "Authorization: Bearer sk-x", "x-api-key: ogw-nobody"), 401, 401),
        new("preflight with a body", Preflight("Content-Length: 5") + "12345", 400, 400),
        new("preflight with chunks", Preflight("Transfer-Encoding: chunked") + "5\r\n12345\r\n0\r\n\r\n", 400, 400),
        new("preflight with a gateway's key", Preflight("Authorization: Bearer ogw-nobody"), 204, 204),
        new("preflight with a key", Preflight("Authorization: Bearer sk-x"), 204, 204),
        new("half a preflight", Anonymous("OPTIONS", Chat, Plain, "Origin: https://a.example"), 401, 401),
    ];

    private static HostileRequest[] Upgrades() =>
    [
        new("websocket", Upgrade("/v1/responses", "websocket"), 426, 426),
        new("websocket in capitals", Upgrade("/V1/Responses/", "WebSocket"), 426, 426),
        new("websocket below /api", Upgrade("/api/v1/chat/completions", "websocket"), 426, 426),
        new("websocket among others", Upgrade("/v1/responses", "h2c, websocket"), 426, 426),
        new("another protocol", Upgrade("/v1/messages", "SPDY/3.1"), 426, 426),
        new("websocket elsewhere", Upgrade("/v1/realtime", "websocket"), HostileRequest.Any, 403),
        new("websocket on a catalogue", Upgrade("/v1/models", "websocket"), HostileRequest.Any, 403),
        new("websocket that looks like a preflight", Upgrade(Chat, "websocket", "OPTIONS"), 426, 426),
        .. ((string[])["/v1/x%2F..%2Fresponses", "/v1/x%5C..%5Cresponses", "/v1/responses%2F."]).Select(
            path => new HostileRequest("websocket to the absolute path " + path, Upgrade(Origin + path, "websocket"), 404, 404)),
        new("websocket to an absolute path", Upgrade(Origin + "/v1/responses", "websocket"), 426, 426),
        new("h2c", Upgrade("/v1/models", "h2c"), 200, 200),
    ];

    private static HostileRequest[] Headers() =>
    [
        .. HiddenHeaders.Select(name => new HostileRequest("header " + name, Post(Plain, name + ": 1"), 200, 200)),
        new("header named in Connection", Post(Plain, "Connection: keep-alive, X-Forwarded-For, Authorization"), HostileRequest.Any, HostileRequest.Any),
        new("header of a content named in Connection", Post(Plain, "Connection: Expires", "Expires: 0"), 200, 200),
        new("cache beside scoped sessions", Post(Plain, "X-OpenRouter-Cache: true", "X-OpenRouter-Cache-TTL: 60"), 200, 200),
    ];

    private static string With(string members) => $$"""{"model":"{{Allowed}}",{{members}},"messages":[]}""";

    private static string Dear(string members) => $$"""{"model":"{{DearModel}}",{{members}}}""";

    private static string Nested(int depth)
    {
        const string Outer = "{\"type\":\"openrouter:subagent\",\"parameters\":{\"tools\":[";
        return string.Concat(Enumerable.Repeat(Outer, depth)) + "{\"type\":\"mcp\"}" + string.Concat(Enumerable.Repeat("]}}", depth));
    }

    private static string Repeat(string text, int count) => string.Join(',', Enumerable.Repeat(text, count));

    private static string Post(string body, params string[] lines) => Send("POST", Chat, body, lines);

    private static string PostLatin(string body) => Head("POST", Chat, $"Content-Length: {body.Length}") + body;

    private static string To(string path, string body = Plain) => Send("POST", path, body);

    private static string Get(string target) => Send("GET", target, null);

    private static string Send(string method, string target, string? body, params string[] lines) =>
        Anonymous(method, target, body, ["Authorization: Bearer " + Key, .. lines]);

    private static string Head(string method, string target, params string[] lines) =>
        Join(method, target, ["Authorization: Bearer " + Key, .. lines]);

    private static string Preflight(string line) =>
        Join("OPTIONS", Chat, ["Origin: https://a.example", "Access-Control-Request-Method: POST", line]);

    private static string Upgrade(string target, string protocol, string method = "GET") => Head(
        method,
        target,
        "Origin: https://a.example",
        "Access-Control-Request-Method: POST",
        "Connection: Upgrade",
        "Upgrade: " + protocol,
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");

    private static string Anonymous(string method, string target, string? body, params string[] lines)
    {
        var bytes = body is null ? "" : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(body));
        return Join(method, target, body is null ? lines : [.. lines, $"Content-Length: {bytes.Length}"]) + bytes;
    }

    private static string Join(string method, string target, string[] lines) =>
        $"{method} {target} HTTP/1.1\r\nHost: h\r\nx-fake-id: {Id}\r\n{string.Concat(lines.Select(line => line + "\r\n"))}\r\n";
}
