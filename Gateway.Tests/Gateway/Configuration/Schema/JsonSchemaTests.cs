using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Json.Schema;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>
/// Promise: <c>appsettings.schema.json</c> knows the keys, types and words that the gateway knows, and marks no file wrong that the gateway
/// accepts. <see cref="SettingsFolder"/> checks the latter for every file that another test loads.
/// </summary>
public sealed partial class JsonSchemaTests : IDisposable
{
    private const string Update = "GATEWAY_TEST_UPDATE";

    private readonly SettingsFolder _folder = new();

    public JsonSchemaTests()
    {
        _folder.Variables["KEY"] = "sk-or-v1-key";
        _folder.Variables["HOOK"] = "https://hooks.example/x";
    }

    public static TheoryData<string> Files =>
    [
        "appsettings.json",
        .. Directory.GetFiles(Path.Combine(Repository.Root, "samples", "settings"), "*.json")
            .Concat(Directory.GetFiles(Path.Combine(Repository.Root, "deploy", "kubernetes"), "*.json", SearchOption.AllDirectories))
            .Select(static path => Path.GetRelativePath(Repository.Root, path)),
    ];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task File_IsGeneratedFromTheSettings()
    {
        var generated = new JsonSchemaGenerator(await SettingRanges.MeasureAsync()).Generate();
        if (Environment.GetEnvironmentVariable(Update) is not null)
        {
            await File.WriteAllTextAsync(JsonSchemaFile.Path, generated, TestContext.Current.CancellationToken);
        }

        Assert.True(
            generated == JsonSchemaFile.Text,
            $"appsettings.schema.json is out of date; {Update}=1 dotnet test -- --filter-class {typeof(JsonSchemaTests).FullName} renews it.");
    }

    [Fact]
    public void File_IsADraft202012Schema() =>
        Assert.True(MetaSchemas.Draft202012.Evaluate(System.Text.Json.JsonDocument.Parse(JsonSchemaFile.Text).RootElement).IsValid);

    /// <summary>Editors show the description. That of a reference is at its target, unless it has one of its own.</summary>
    [Fact]
    public void EveryProperty_IsDescribed()
    {
        var properties = Objects(JsonNode.Parse(JsonSchemaFile.Text)!).Select(static node => node["properties"]).OfType<JsonObject>()
            .SelectMany(static node => node).ToArray();

        Assert.True(properties.Length > 200, $"{properties.Length} properties");
        Assert.All(properties, static property => Assert.True(
            property.Value!["$ref"] is not null || (string?)property.Value["description"] is { Length: > 0 }, property.Value.GetPath()));
    }

    [Fact]
    public void ShippedFile_NamesTheSchemaBesideIt()
    {
        using var settings = System.Text.Json.JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Repository.Root, "appsettings.json")),
            new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip, AllowTrailingCommas = true });

        Assert.Equal("./" + Path.GetFileName(JsonSchemaFile.Path), settings.RootElement.GetProperty("$schema").GetString());
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void ShippedFileAndSamples_AreValid(string path) =>
        Assert.Empty(JsonSchemaFile.Faults(File.ReadAllText(Path.Combine(Repository.Root, path))));

    [Fact]
    public void ExamplesOfTheDocuments_AreValid()
    {
        var sections = PropertiesOf(Definition("Settings")).Select(static member => member.Key).ToHashSet();
        var examples = Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Append(Path.Combine(Repository.Root, "README.md"))
            .SelectMany(static path => Example().Matches(File.ReadAllText(path)).Select(match => match.Groups["json"].Value))
            .Select(static text => TryParse(text) ?? TryParse($"{{ {text} }}"))
            .OfType<JsonObject>()
            .Where(example => example.Any(member => sections.Contains(member.Key)))
            .ToArray();

        Assert.True(examples.Length >= 5, $"{examples.Length} examples");
        Assert.All(examples, static example => Assert.Empty(JsonSchemaFile.Faults(example.ToJsonString())));
    }

    [Theory]
    [InlineData("Server:Prot", "\"Server\": { \"Prot\": 1 }")]
    [InlineData("Sever", "\"Sever\": { \"Port\": 1 }")]
    [InlineData("Teams:0:Keys:0:Lable", "\"Teams\": [ { \"Id\": \"t\", \"OpenRouterKey\": \"env:KEY\", \"Keys\": [ { \"Lable\": \"x\" } ] } ]")]
    [InlineData("ReverseProxy:Routes:all:Match:Pfad", "\"ReverseProxy\": { \"Routes\": { \"all\": { \"Match\": { \"Pfad\": \"/\" } } } }")]
    [InlineData("Server:Port", "\"Server\": { \"Port\": \"3000\" }")]
    [InlineData("Server:Port", "\"Server\": { \"Port\": 65536 }")]
    [InlineData("Server:Https", "\"Server\": { \"Https\": 1 }")]
    [InlineData("Server", "\"Server\": []")]
    [InlineData("Server:ShutdownDelay", "\"Server\": { \"ShutdownDelay\": \"10s\" }")]
    [InlineData("Server:ShutdownDelay", "\"Server\": { \"ShutdownDelay\": \"-00:00:00\" }")]
    [InlineData("Usage:Store", "\"Usage\": { \"Store\": \"MySql\" }")]
    [InlineData("Logging:LogLevel:Default", "\"Logging\": { \"LogLevel\": { \"Default\": \"Verbose\" } }")]
    [InlineData("ProviderMapping:Rules:0:Provider", "\"ProviderMapping\": { \"Rules\": [ { \"Model\": \"x\", \"Provider\": \"openai\" } ] }")]
    [InlineData("Alerts:BudgetThresholds:0", "\"Alerts\": { \"BudgetThresholds\": [ 0 ] }")]
    [InlineData("TeamDefaults:Id", "\"TeamDefaults\": { \"Id\": \"t\" }")]
    [InlineData("TeamDefaults:Budget:Usd", "\"TeamDefaults\": { \"Budget\": { \"Usd\": \"5\" } }")]
    [InlineData("ReverseProxy:Routes:all:CorsPolicy", "\"ReverseProxy\": { \"Routes\": { \"all\": { \"CorsPolicy\": \"x\" } } }")]
    [InlineData("Server:$schema", "\"Server\": { \"$schema\": \"x\" }")]
    [InlineData("$schema2", "\"$schema2\": \"x\"")]
    public async Task FaultyFile_FailsByBoth(string path, string section)
    {
        var settings = JsonNode.Parse(SettingsFolder.Json())!.AsObject();
        var (name, value) = JsonNode.Parse($"{{ {section} }}")!.AsObject().Single();
        settings[name] = value!.DeepClone();
        _folder.Write("appsettings.json", settings.ToJsonString());

        Assert.Contains(await _folder.LoadBadAsync(), fault => fault.StartsWith(path + ": ", StringComparison.Ordinal));
        Assert.Contains(JsonSchemaFile.Faults(settings.ToJsonString()), fault => fault.StartsWith(path + ": ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_AreThoseOfTheGateway()
    {
        // An object with an unknown key at every place: each fault of the gateway lists the keys of the place.
        const string Unknown = "Xyzzy";
        var schema = new Dictionary<string, string[]>();
        var settings = Instance(Definition("Settings"), "", (path, node) =>
        {
            if (node?["additionalProperties"]?.GetValueKind() != System.Text.Json.JsonValueKind.False)
            {
                return null;
            }

            schema.Add(path, [.. PropertiesOf(node).Select(static member => member.Key)]);
            return KeyValuePair.Create(Unknown, (JsonNode?)1);
        })!;
        _folder.Write("appsettings.json", settings.ToJsonString());

        var faults = (await _folder.LoadAsync()).Faults.Where(static fault => fault.Path.EndsWith(Unknown, StringComparison.Ordinal));

        var keys = faults.ToDictionary(
            static fault => fault.Path[..^Unknown.Length].TrimEnd(':'),
            static fault => KnownKeys().Match(fault.Message).Groups["keys"].Value.Split(", "));
        schema[""] = [.. schema[""].Where(static key => key != "$schema")];
        Assert.Equal(schema.Keys.Order(StringComparer.Ordinal), keys.Keys.Order(StringComparer.Ordinal));
        Assert.All(schema, place => Assert.Equal(place.Value.Order(StringComparer.Ordinal), keys[place.Key].Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task WrongType_FailsByBoth_AtEverySetting()
    {
        // The gateway reads the provider block of a rule only if the rule's other members have the right types.
        var paths = new List<string>();
        var settings = Instance(Definition("Settings"), "", static (_, _) => null, path =>
        {
            if (!path.EndsWith(":Provider", StringComparison.Ordinal))
            {
                paths.Add(path);
            }

            return new JsonObject { ["x"] = 1 };
        })!;
        settings.AsObject().Remove("$schema");
        paths.Remove("$schema");
        _folder.Write("appsettings.json", settings.ToJsonString());

        var loaded = (await _folder.LoadAsync()).Faults.Select(static fault => fault.ToString()).ToArray();
        var validated = JsonSchemaFile.Faults(settings.ToJsonString());

        Assert.True(paths.Count > 150, $"{paths.Count} settings");
        Assert.All(paths, path => Assert.Contains(loaded, fault => fault.StartsWith(path + ":", StringComparison.Ordinal)));
        Assert.All(paths, path => Assert.Contains(validated, fault => fault.StartsWith(path + ":", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task AcceptedFile_IsValid()
    {
        JsonNode?[] values =
        [
            null, true, false, 0, 1, 2, -1, 1.1, 2.5, 1e3, 3_000_000_000, "", "x", "2", "true", "00:00:05", "1:2", "1.00:00:00", "env:KEY", "http://127.0.0.1:1",
            "Redis", "Fill", "Error", new JsonArray(), new JsonArray("x"), new JsonArray((JsonNode?)null), new JsonArray(0.5), new JsonObject(),
            new JsonObject { ["x"] = "y" }, new JsonObject { ["x"] = null },
        ];
        var everything = JsonNode.Parse(Everything)!;
        var seed = TestEffort.Seed(20261129);
        var random = new TestRandom(seed);
        var accepted = 0;
        for (var run = 0; run < TestEffort.Times(400); run++)
        {
            var settings = everything.DeepClone();
            var places = Places(settings).ToArray();
            var place = places[random.Next(places.Length)];
            place.ReplaceWith(values[random.Next(values.Length)]?.DeepClone());
            var text = settings.ToJsonString();
            _folder.Write("appsettings.json", text);
            if ((await _folder.Loader.LoadAsync(_folder.Sources())).Snapshot is not null)
            {
                accepted++;
                Assert.True(JsonSchemaFile.Faults(text) is [], $"seed {seed}: {string.Join("; ", JsonSchemaFile.Faults(text))} in {text}");
            }
        }

        Assert.True(accepted > 50, $"{accepted} files were accepted");
    }

    [Fact]
    public void Pattern_AcceptsEveryTime()
    {
        var seed = TestEffort.Seed(7);
        var random = new TestRandom(seed);
        var times = 0;
        for (var run = 0; run < TestEffort.Times(10_000); run++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => "0012359::::.. \t"[random.Next(15)]));
            if (text.Contains(':') && TimeSpan.TryParseExact(text, "c", System.Globalization.CultureInfo.InvariantCulture, out _))
            {
                times++;
                Assert.True(Regex.IsMatch(text, JsonSchemaGenerator.DurationPattern), $"seed {seed}: \"{text}\"");
            }
        }

        Assert.True(times > 100, $"{times} times");
    }

    [Fact]
    public void FileOfATeam_IsValidByTheSameSchema()
    {
        const string Team = "\"Id\": \"a\", \"OpenRouterKey\": \"env:KEY\", \"Keys\": [ { \"Sha256\": \"…\" } ], \"ServerTools\": [ \"plugin:web\" ]";

        Assert.Empty(JsonSchemaFile.Faults($"{{ \"$schema\": \"../appsettings.schema.json\", {Team}, \"Budget\": {{ \"Usd\": 1 }} }}"));
        Assert.StartsWith("Bugdet: ", Assert.Single(JsonSchemaFile.Faults($"{{ {Team}, \"Bugdet\": {{}} }}")), StringComparison.Ordinal);
        Assert.StartsWith("Server: ", Assert.Single(JsonSchemaFile.Faults($"{{ {Team}, \"Server\": {{}} }}")), StringComparison.Ordinal);
    }

    private static JsonObject Definition(string name) => JsonNode.Parse(JsonSchemaFile.Text)!["$defs"]![name]!.AsObject();

    private static JsonObject PropertiesOf(JsonNode node) => node["properties"]!.AsObject();

    /// <summary>A settings file with every key of the schema.</summary>
    /// <param name="node">The schema of the node.</param>
    /// <param name="path">The path of the node.</param>
    /// <param name="more">A further member of an object.</param>
    /// <param name="leaf">The value of a setting; <c>null</c> without it.</param>
    private static JsonNode? Instance(
        JsonNode node, string path, Func<string, JsonNode, KeyValuePair<string, JsonNode?>?> more, Func<string, JsonNode?>? leaf = null)
    {
        while ((string?)node["$ref"] is { } reference && Definition(reference.Split('/')[2]) is var definition)
        {
            node = reference.Split('/') is [_, _, _, _, var property] ? definition["properties"]![property]! : definition;
        }

        string At(string name) => path.Length == 0 ? name : $"{path}:{name}";
        if (node["properties"] is JsonObject { Count: > 0 } properties && node["additionalProperties"] is not null)
        {
            var instance = new JsonObject(properties.Select(property =>
                KeyValuePair.Create(property.Key, Instance(property.Value!, At(property.Key), more, leaf))));
            if (more(path, node) is { } another)
            {
                instance.Add(another);
            }

            return instance;
        }

        return node switch
        {
            _ when node["additionalProperties"] is JsonObject value => new JsonObject { ["x"] = Instance(value, At("x"), more, leaf) },
            _ when node["items"] is JsonObject { Count: > 1 } item => new JsonArray(Instance(item, At("0"), more, leaf)),
            _ => leaf?.Invoke(path),
        };
    }

    private static IEnumerable<JsonNode> Places(JsonNode node) => node switch
    {
        JsonObject members => members.Select(static member => member.Value).OfType<JsonNode>().SelectMany(static member => Places(member).Prepend(member)),
        JsonArray items => items.OfType<JsonNode>().SelectMany(static item => Places(item).Prepend(item)),
        _ => [],
    };

    private static IEnumerable<JsonObject> Objects(JsonNode node) => Places(node).Prepend(node).OfType<JsonObject>();

    private static JsonObject? TryParse(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject;
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    [GeneratedRegex("^```jsonc?\n(?<json>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Example();

    [GeneratedRegex("^unknown setting; expected one of (?<keys>[^;]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex KnownKeys();

    private const string Everything = """
        {
          "Server": {
            "Address": "127.0.0.1", "Port": 1, "Https": false, "MaxRequestBodySize": 1000, "RequestBodyMemory": 2000000, "MaxWaitingBodies": 3,
            "RuleHeader": true, "ForwardTraceHeaders": false, "EventStreamHeaderDelay": "00:00:01", "ShutdownTimeout": "00:00:01", "ShutdownDelay": "00:00:01",
            "Limits": {
              "MaxConnections": 100, "RequestHeadersTimeout": "00:00:05", "KeepAliveTimeout": "00:01:00", "MaxRequestHeadersTotalSize": 2048,
              "MaxRequestLineSize": 512, "MaxRequestHeaderCount": 10, "MaxStreamsPerConnection": 10,
              "MinRequestBodyDataRate": { "BytesPerSecond": 10, "GracePeriod": "00:00:03" } } },
          "Upstream": { "MaxAttempts": 2, "MaxRetriedBodySize": 5, "ConnectTimeout": "00:00:02", "FirstEventTimeout": "00:00:10", "EventTimeout": "00:00:10",
            "TotalTimeout": "00:01:00", "ErrorsInSuccess": "PassThrough" },
          "ProviderMapping": {
            "Rules": [ { "Name": "r", "Model": [ "a/*" ], "WhenClientSetsProvider": "Enforce", "ServerTools": "plugin:web", "Provider": { "zdr": true, "sort": "price" } } ],
            "Aliases": [ { "Model": "a", "Use": "b", "Fallbacks": [ "c" ] } ] },
          "TeamDefaults": { "Limits": { "RequestsPerMinute": 5 }, "Budget": { "Usd": 5 }, "AllowedModels": "*" },
          "Teams": [ {
            "Id": "t", "OpenRouterKey": "env:KEY",
            "Keys": [ { "Label": "k", "Sha256": "1111111111111111111111111111111111111111111111111111111111111111", "Expires": "2099-01-01T00:00:00Z",
              "Limits": { "TokensPerMinute": 5 }, "AllowedModels": [ "a" ], "Budget": { "Usd": 1.5, "Period": "Day", "IncludeByok": false, "WhenExceeded": "Report" } } ],
            "AllowedModels": [ "a" ], "DeniedModels": "b", "ServerTools": { "Allow": [ "plugin:web" ], "WhenClosed": "Report", "MaxUsd": 0.5 },
            "Limits": { "ConcurrentRequests": 5 }, "Budget": { "Usd": 2 }, "ProviderMapping": { "Rules": [ { "Model": "x", "Provider": { "only": [ "openai" ] } } ] },
            "Attribution": { "Referer": "https://a.example", "Title": "A" }, "ScopeSessions": true, "AlertWebhook": "env:HOOK" } ],
          "TeamsFolder": "",
          "Usage": { "Store": "Sqlite", "Sqlite": { "Path": "u.db" }, "Postgres": { "ConnectionString": "" }, "Retention": "400.00:00:00", "WhenStoreFails": "Allow",
            "PricesPath": "p.json" },
          "Limits": { "Store": "Memory", "Redis": { "Configuration": "localhost", "KeyPrefix": "a:", "Timeout": "00:00:00.5" },
            "WhenStoreFails": { "Limits": "Refuse", "Budgets": "Allow" }, "AssumedCompletionTokens": 5, "BytesPerToken": 2, "UnknownHold": "00:10:00",
            "AllowUnknownPrices": true, "WriteMaxPrice": true, "Prices": [ { "Model": "m", "Prompt": "0.1", "Completion": "0.2", "Request": "0" } ] },
          "Admin": { "Url": "http://127.0.0.1:9464", "Token": "secret-token", "KeepRequests": 5 },
          "Alerts": { "BudgetThresholds": [ 0.5, 1 ], "Webhook": "", "Format": "Slack", "Secret": "env:KEY" },
          "ReverseProxy": {
            "Routes": { "r": { "ClusterId": "c", "Order": 1, "MaxRequestBodySize": 5, "Metadata": { "a": 1 }, "CorsPolicy": null,
              "Match": { "Path": "/x", "Methods": [ "GET" ], "Hosts": [ "h" ], "Headers": [ { "Name": "n", "Values": [ "v" ], "Mode": "Contains", "IsCaseSensitive": true } ],
                "QueryParameters": [ { "Name": "q", "Mode": "Exists" } ] },
              "Transforms": [ { "X-Forwarded": "Off" }, { "PathRemovePrefix": "/v1" }, { "ProviderMapping": "Default" }, { "RequestHeader": "a", "Set": "b" } ] } },
            "Clusters": { "c": { "LoadBalancingPolicy": "RoundRobin", "Metadata": { "k": "v" }, "SessionAffinity": null,
              "Destinations": { "d": { "Address": "https://one.example", "Host": "h", "Health": "https://two.example", "Metadata": { "k": true } } },
              "HealthCheck": { "Passive": { "Enabled": true, "Policy": "TransportFailureRate", "ReactivationPeriod": "00:01:00" },
                "Active": { "Enabled": false, "Interval": "00:00:10", "Timeout": "00:00:10", "Policy": "ConsecutiveFailures", "Path": "/", "Query": "?a" },
                "AvailableDestinationsPolicy": "HealthyOrPanic" },
              "HttpClient": { "SslProtocols": [ "Tls12" ], "DangerousAcceptAnyServerCertificate": false, "MaxConnectionsPerServer": 7,
                "EnableMultipleHttp2Connections": true, "RequestHeaderEncoding": "utf-8", "WebProxy": { "Address": "http://p:1", "BypassOnLocal": true } },
              "HttpRequest": { "ActivityTimeout": "00:01:00", "Version": 2, "VersionPolicy": "RequestVersionExact", "AllowResponseBuffering": false } } } },
          "Logging": { "LogLevel": { "Default": "Information" } }
        }
        """;
}
