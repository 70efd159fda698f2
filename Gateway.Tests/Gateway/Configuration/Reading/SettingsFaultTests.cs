using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Reading;

public sealed class SettingsFaultTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task EveryFault_IsReportedAtOnce()
    {
        _folder.Write("appsettings.json", """
            {
              "Servr": {},
              "Server": { "Port": "abc", "Address": "localhost", "Limits": { "MaxConections": 5, "KeepAliveTimeout": "30" }, "port": 7 },
              "Logging": { "LogLevel": { "Default": "Loud" } },
              "ProviderMapping": {
                "Rules": [
                  { "Modle": "x", "Provider": { "order": ["A"] } },
                  { "Model": "", "Provider": { "order": "A" } },
                  { "Model": "m", "Provider": { } },
                  { "Model": 5, "Provider": { "order": ["A"] } }
                ],
                "Aliases": [ { "Model": "a" } ]
              },
              "ReverseProxy": {
                "Routes": {
                  "one": { "ClusterId": "opnrouter", "Mtach": {}, "Match": { "Path": "/a" } },
                  "two": { "ClusterId": "openrouter", "Match": { "Path": "/b" },
                    "Transforms": [ { "PathRemovePrefix": "/v1" }, { "Nonsense": "x" } ] },
                  "three": { "ClusterId": "openrouter", "Match": { "Path": "/{a}/{a}" } }
                },
                "Clusters": {
                  "openrouter": { "Destinations": { "a": { "Address": "openrouter.ai" } }, "HttpRequest": { "ActivityTimeout": "abc" },
                    "LoadBalancingPolicy": "None" }
                }
              }
            }
            """);

        var faults = await _folder.LoadBadAsync();

        string[] expected =
        [
            "Servr: unknown setting; expected one of Server, Upstream, ReverseProxy, ProviderMapping, TeamDefaults, Teams, TeamsFolder, Usage, Limits, Admin, Alerts, Logging; did you mean Server?",
            "Server:Port: got \"abc\"; expected a whole number",
            "Server:port: set twice",
            "Server:Address: got \"localhost\"; expected an IPv4 or IPv6 address",
            "Server:Limits:MaxConections: unknown setting; expected one of",
            "Server:Limits:KeepAliveTimeout: got \"30\"; expected a time in the form \"hh:mm:ss\"",
            "Logging:LogLevel:Default: got \"Loud\"; expected one of Trace, Debug",
            "ProviderMapping:Rules:0:Modle: unknown setting; expected one of Name, Model, WhenClientSetsProvider, ServerTools, Provider; did you mean",
            "ProviderMapping:Rules:0:Model: is missing",
            "ProviderMapping:Rules:1:Model: ",
            "ProviderMapping:Rules:1:Provider:order: ",
            "ProviderMapping:Rules:2:Provider: ",
            "ProviderMapping:Rules:3:Model: got 5; expected a string or an array of strings",
            "ProviderMapping:Aliases:0:Use: is missing",
            "ReverseProxy:Routes:one:ClusterId: there is no cluster \"opnrouter\" in ReverseProxy:Clusters; did you mean openrouter?",
            "ReverseProxy:Routes:one:Mtach: unknown setting; expected one of ClusterId, Match",
            "ReverseProxy:Routes:two:Transforms:1: Unknown transform: Nonsense",
            "ReverseProxy:Routes:three: Invalid path '/{a}/{a}'",
            "ReverseProxy:Clusters:openrouter:Destinations:a:Address: \"openrouter.ai\" is not a valid upstream address",
            "ReverseProxy:Clusters:openrouter:HttpRequest:ActivityTimeout: got \"abc\"; expected a time",
        ];
        foreach (var start in expected)
        {
            Assert.Single(faults, fault => fault.StartsWith(start, StringComparison.Ordinal));
        }

        Assert.Equal(expected.Length, faults.Length);
    }

    [Theory]
    [InlineData("\"Server\": []", "Server: got an array; expected an object")]
    [InlineData("\"Server\": { \"Port\": 70000 }", "Server:Port: got 70000; expected 0 to 65535")]
    [InlineData("\"Server\": { \"Port\": 3000.5 }", "Server:Port: got 3000.5; expected a whole number")]
    [InlineData("\"Server\": { \"Port\": \"3000\" }", "Server:Port: got \"3000\"; expected a whole number")]
    [InlineData("\"Server\": { \"Https\": \"true\" }", "Server:Https: got \"true\"; expected true or false")]
    [InlineData("\"Server\": { \"MaxRequestBodySize\": 0 }", "Server:MaxRequestBodySize: got 0; expected 1 to 2147483647")]
    [InlineData("\"Server\": { \"MaxWaitingBodies\": -1 }", "Server:MaxWaitingBodies: got -1; expected 0 to 100000")]
    [InlineData("\"Server\": { \"RequestBodyMemory\": 65536 }", "Server:RequestBodyMemory: got 65536; expected 1048576 or more")]
    [InlineData("\"Server\": { \"ShutdownTimeout\": \"-00:00:01\" }", "Server:ShutdownTimeout: got \"-00:00:01\"; expected a time in the form \"hh:mm:ss\", such as \"00:00:30\"")]
    [InlineData("\"Server\": { \"ShutdownTimeout\": \"2.00:00:00\" }", "Server:ShutdownTimeout: got \"2.00:00:00\"; expected \"00:00:00\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"MaxAttempts\": 0 }", "Upstream:MaxAttempts: got 0; expected 1 to 10")]
    [InlineData("\"Upstream\": { \"MaxAttempts\": 11 }", "Upstream:MaxAttempts: got 11; expected 1 to 10")]
    [InlineData("\"Upstream\": { \"MaxRetriedBodySize\": -1 }", "Upstream:MaxRetriedBodySize: got -1; expected 0 to 104857600")]
    [InlineData("\"Upstream\": { \"MaxRetriedBodySize\": 104857601 }", "Upstream:MaxRetriedBodySize: got 104857601; expected 0 to 104857600")]
    [InlineData("\"Upstream\": { \"ConnectTimeout\": \"00:00:00.099\" }", "Upstream:ConnectTimeout: got \"00:00:00.0990000\"; expected \"00:00:00.1000000\" to \"00:01:00\"")]
    [InlineData("\"Upstream\": { \"ConnectTimeout\": \"00:01:01\" }", "Upstream:ConnectTimeout: got \"00:01:01\"; expected \"00:00:00.1000000\" to \"00:01:00\"")]
    [InlineData("\"Upstream\": { \"FirstEventTimeout\": \"00:00:00\" }", "Upstream:FirstEventTimeout: got \"00:00:00\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"FirstEventTimeout\": \"1.00:00:01\" }", "Upstream:FirstEventTimeout: got \"1.00:00:01\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"EventTimeout\": \"00:00:00\" }", "Upstream:EventTimeout: got \"00:00:00\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"EventTimeout\": \"1.00:00:01\" }", "Upstream:EventTimeout: got \"1.00:00:01\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"TotalTimeout\": \"00:00:00\" }", "Upstream:TotalTimeout: got \"00:00:00\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"TotalTimeout\": \"1.00:00:01\" }", "Upstream:TotalTimeout: got \"1.00:00:01\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Upstream\": { \"ErrorsInSuccess\": \"Hide\" }", "Upstream:ErrorsInSuccess: got \"Hide\"; expected one of Status, PassThrough")]
    [InlineData("\"Teams\": {}", "Teams: got an object; expected an array")]
    [InlineData("\"ProviderMapping\": { \"Rules\": {} }", "ProviderMapping:Rules: got an object; expected an array")]
    [InlineData("\"ProviderMapping\": { \"Rules\": [ null ] }", "ProviderMapping:Rules:0: got null; expected an object")]
    [InlineData("\"ProviderMapping\": { \"Rules\": [ { \"Model\": \"a\", \"Provider\": {\"zdr\":true}, \"WhenClientSetsProvider\": \"Always\" } ] }", "ProviderMapping:Rules:0:WhenClientSetsProvider: got \"Always\"; expected one of KeepClient, Fill, Enforce")]
    [InlineData("\"ProviderMapping\": { \"Rules\": [ { \"Name\": \"a\", \"Model\": \"a\", \"Provider\": {\"zdr\":true} }, { \"Name\": \"A\", \"Model\": \"a\", \"Provider\": {\"zdr\":true} } ] }", "ProviderMapping:Rules:1:Name: \"A\" is already used by ProviderMapping:Rules:0; expected unique names")]
    [InlineData("\"ProviderMapping\": { \"Rules\": [ { \"Name\": \"rule-2\", \"Model\": \"a\", \"Provider\": {\"zdr\":true} }, { \"Model\": \"a\", \"Provider\": {\"zdr\":true} } ] }", "ProviderMapping:Rules:1:Name: \"rule-2\", the default here, is already used by ProviderMapping:Rules:0; expected unique names")]
    [InlineData("\"ProviderMapping\": { \"Rules\": [ { \"Model\": \"a\", \"Provider\": {\"only\":[\"x\"], \"Only\":[\"y\"]} } ] }", "ProviderMapping:Rules:0:Provider:Only: set twice; expected each key once (\"only\" and \"Only\" are the same key)")]
    public async Task BadSetting_IsNamedWithItsPath(string section, string expected)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(section));

        Assert.Equal([expected], await _folder.LoadBadAsync());
    }

    [Theory]
    [InlineData("1", "0", "00:00:00.1", "00:00:01")]
    [InlineData("10", "104857600", "00:01:00", "1.00:00:00")]
    public async Task EndsOfTheRangesOfUpstream_AreAllowed(string attempts, string size, string connect, string limit)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(
            $$"""
            "Upstream": { "MaxAttempts": {{attempts}}, "MaxRetriedBodySize": {{size}}, "ConnectTimeout": "{{connect}}",
              "FirstEventTimeout": "{{limit}}", "EventTimeout": "{{limit}}", "TotalTimeout": "{{limit}}" }
            """));

        await _folder.LoadGoodAsync();
    }

    [Theory]
    [InlineData("-1", "00:00:00.001", "http")]
    [InlineData("0", "1.00:00:00", "socks5")]
    public async Task EndsOfTheRangesOfYarp_AreAllowed(string size, string period, string scheme)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json().Replace(
            "\"ClusterId\"", $"\"MaxRequestBodySize\": {size}, \"ClusterId\"", StringComparison.Ordinal).Replace(
            "\"Destinations\"",
            $$"""
            "HealthCheck": { "Active": { "Enabled": false, "Interval": "{{period}}", "Timeout": "{{period}}" } },
            "HttpClient": { "WebProxy": { "Address": "{{scheme}}://user:password@proxy.example:3128" } },
            "Destinations"
            """,
            StringComparison.Ordinal));

        await _folder.LoadGoodAsync();
    }

    [Theory]
    [InlineData("\"Routes\": {}, \"Clusters\": {}", "ReverseProxy:Routes: is empty or missing;", "ReverseProxy:Clusters: is empty or missing;")]
    [InlineData("\"Routes\": { \"r\": { \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r:ClusterId: is missing;")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\" } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r: Route 'r' requires Hosts or Path specified")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"Destinations\": { } } }", "ReverseProxy:Clusters:c:Destinations: is empty or missing;")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { } } } }", "ReverseProxy:Clusters:c:Destinations:d:Address: is missing;")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" }, \"Timeout\": \"00:00:01\" } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r:Timeout: is not supported by this gateway;")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" }, \"Transforms\": [ { \"PathPrefix\": { \"a\": 1 } } ] } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r:Transforms:0:PathPrefix: got an object; expected a string, a number, true or false")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"LoadBalancingPolicy\": \"Dice\", \"HttpRequest\": { \"Version\": \"7\" }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HttpRequest:Version: got \"7\"; expected an HTTP version")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"LoadBalancingPolicy\": \"Dice\", \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c: No matching ILoadBalancingPolicy found")]
    [InlineData("\"Routes\": { \"r:s\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r:s: \"r:s\" is not a valid name;")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" }, \"Transforms\": [ { \"RequestHeader\": \"a\", \"Set\": \"b\" }, { \"ProviderMapping\": \"Other\" } ] } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r:Transforms:1: Route 'r': unexpected value")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HttpRequest\": { \"ActivityTimeout\": \"00:00:00\" }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HttpRequest:ActivityTimeout: got \"00:00:00\"; expected more than")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HealthCheck\": { \"Passive\": { \"ReactivationPeriod\": \"00:00:00\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HealthCheck:Passive:ReactivationPeriod: got \"00:00:00\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HealthCheck\": { \"Passive\": { \"ReactivationPeriod\": \"60.00:00:00\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HealthCheck:Passive:ReactivationPeriod: got \"60.00:00:00\"; expected \"00:00:01\" to \"1.00:00:00\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"Destinations\": { \"eu/one\": { \"Address\": \"http://127.0.0.1\" } } } }", "ReverseProxy:Clusters:c:Destinations:eu/one: \"eu/one\" is not the name of a destination; expected a name without \"/\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://127.0.0.1\" } } }, \"eu/one\": { \"Destinations\": { \"d\": { \"Address\": \"http://127.0.0.1\" } } } }", "ReverseProxy:Clusters:eu/one: \"eu/one\" is not the name of a cluster; expected a name without \"/\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" }, \"MaxRequestBodySize\": -2 } }, \"Clusters\": { \"c\": { \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Routes:r:MaxRequestBodySize: got -2; expected -1, for no limit, or more")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HealthCheck\": { \"Active\": { \"Enabled\": true, \"Interval\": \"99999.00:00:00\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HealthCheck:Active:Interval: got \"99999.00:00:00\"; expected \"00:00:00.0010000\" to \"1.00:00:00\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HealthCheck\": { \"Active\": { \"Enabled\": true, \"Interval\": \"00:00:00\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HealthCheck:Active:Interval: got \"00:00:00\"; expected \"00:00:00.0010000\" to \"1.00:00:00\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HealthCheck\": { \"Active\": { \"Enabled\": true, \"Timeout\": \"99999.00:00:00\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HealthCheck:Active:Timeout: got \"99999.00:00:00\"; expected \"00:00:00.0010000\" to \"1.00:00:00\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HealthCheck\": { \"Active\": { \"Enabled\": true, \"Timeout\": \"00:00:00\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HealthCheck:Active:Timeout: got \"00:00:00\"; expected \"00:00:00.0010000\" to \"1.00:00:00\"")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HttpClient\": { \"WebProxy\": { \"Address\": \"ftp://u:secret@proxy\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HttpClient:WebProxy:Address: is no address of a proxy; expected an http, https, socks4, socks4a or socks5 URL")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HttpClient\": { \"WebProxy\": { \"Address\": \"proxy.example:3128\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HttpClient:WebProxy:Address: is no address of a proxy; expected an http, https, socks4, socks4a or socks5 URL")]
    [InlineData("\"Routes\": { \"r\": { \"ClusterId\": \"c\", \"Match\": { \"Path\": \"/\" } } }, \"Clusters\": { \"c\": { \"HttpClient\": { \"WebProxy\": { \"Address\": \"socks://proxy\" } }, \"Destinations\": { \"d\": { \"Address\": \"http://a\" } } } }", "ReverseProxy:Clusters:c:HttpClient:WebProxy:Address: is no address of a proxy; expected an http, https, socks4, socks4a or socks5 URL")]
    public async Task BadRouteOrCluster_IsNamedWithItsPath(string section, params string[] expected)
    {
        _folder.Write("appsettings.json", $"{{ \"ReverseProxy\": {{ {section} }} }}");

        var faults = await _folder.LoadBadAsync();

        Assert.Equal(expected.Length, faults.Length);
        Assert.All(expected.Zip(faults), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"Path\": \"/v1/{**rest}\"", "\"Path\": \"/v1/{**other}\"", true)]
    [InlineData("\"Path\": \"/v1/a\"", "\"Path\": \"/V1/A/\"", true)]
    [InlineData("\"Path\": \"/a\", \"Methods\": [\"GET\",\"POST\"]", "\"Path\": \"/a\", \"Methods\": [\"post\"]", true)]
    [InlineData("\"Path\": \"/a\", \"Methods\": [\"GET\"]", "\"Path\": \"/a\", \"Methods\": [\"POST\"]", false)]
    [InlineData("\"Path\": \"/a\", \"Methods\": [\"GET\"]", "\"Path\": \"/a\"", false)]
    [InlineData("\"Path\": \"/a\", \"Hosts\": [\"one\"]", "\"Path\": \"/a\", \"Hosts\": [\"two\"]", false)]
    [InlineData("\"Path\": \"/x/{a}\"", "\"Path\": \"/x/{**a}\"", false)]
    [InlineData("\"Path\": \"/{a:int}\"", "\"Path\": \"/{a}\"", false)]
    public async Task RoutesForTheSameRequests_AreAFault(string one, string other, bool areAmbiguous)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json().Replace(
            "\"all\":",
            $$"""
            "one": { "ClusterId": "openrouter", "Match": { {{one}} } },
            "other": { "ClusterId": "openrouter", "Match": { {{other}} } },
            "all":
            """,
            StringComparison.Ordinal));

        var faults = (await _folder.LoadAsync()).Faults.Select(fault => fault.ToString());

        string[] expected =
            ["ReverseProxy:Routes:other: matches the same requests as \"one\"; expected another Path, Methods, Hosts or Order"];
        Assert.Equal(areAmbiguous ? expected : [], faults);
    }

    [Theory]
    [InlineData("", "appsettings.json: is empty")]
    [InlineData("{ \"Server\": ", "appsettings.json: line 1, column 13: unreadable JSON")]
    [InlineData("{}\n x", "appsettings.json: line 2, column 2: unreadable JSON")]
    [InlineData("[]", "appsettings.json: is not a JSON object")]
    [InlineData("{ \"a\": \"\\ud800\" }", "appsettings.json: contains invalid UTF-8")]
    public async Task UnreadableFile_SaysWhere(string text, string expected)
    {
        _folder.Write("appsettings.json", text);

        var result = await _folder.LoadAsync();

        Assert.True(result.IsUnfinished);
        Assert.StartsWith(expected, Assert.Single(result.Faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CommentsTrailingCommasBomAndSchema_AreAllowed()
    {
        _folder.Write("appsettings.json", "\uFEFF// c\n{ \"$schema\": \"x\", /* c */ " + SettingsFolder.Proxy + ", }");

        await _folder.LoadGoodAsync();
    }

    [Fact]
    public async Task SchemaOfEditors_IsAllowedInEveryFile_AndIsNoSetting()
    {
        _folder.Variables["KEY"] = "sk-or-v1-key";
        _folder.Write("appsettings.json", SettingsFolder.Json("\"TeamsFolder\": \"teams\""));
        _folder.Write("appsettings.Production.json", """{ "$schema": "./appsettings.schema.json", "Server": { "Port": 1 } }""");
        _folder.Write("teams/a.json", $$"""
            { "$schema": "../appsettings.schema.json", "Id": "a", "OpenRouterKey": "env:KEY", "Keys": [ { "Sha256": "{{new string('1', 64)}}" } ] }
            """);

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal("a", Assert.Single(snapshot.Teams.Teams).Id);
        Assert.Equal("Server:Port", Assert.Single(snapshot.Overrides).Path);
    }

    [Fact]
    public async Task NullSection_HasItsDefaults()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json("""
            "Server": { "Port": 1 }, "TeamsFolder": "teams", "Alerts": null, "ProviderMapping": { "Rules": [ { "Model": "x", "Provider": { "zdr": true } } ] }
            """));
        _folder.Write("appsettings.Production.json", """{ "Server": null, "TeamsFolder": null, "Teams": null, "ProviderMapping": null }""");

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(new ServerSettings(), snapshot.Settings.Server);
        Assert.Empty(snapshot.Rules.Rules);
        Assert.Empty(snapshot.Teams.Teams);
    }

    [Fact]
    public async Task MissingFile_SaysWhereItWasLookedFor()
    {
        var fault = Assert.Single(await _folder.LoadBadAsync());
        Assert.StartsWith(
            $"appsettings.json: not found; expected it in {_folder.Path} or {_folder.ProgramDirectory}", fault, StringComparison.Ordinal);

        _folder.Variables["GATEWAY_CONFIG"] = "y.json";
        Assert.Equal(["y.json: not found; expected the settings file that GATEWAY_CONFIG names"], await _folder.LoadBadAsync());

        _folder.Args = ["--config", "sub/x.json"];
        Assert.Equal(["sub/x.json: not found; expected the settings file that --config names"], await _folder.LoadBadAsync());
    }

    [Theory]
    [InlineData("NOEQUALS", ".env: line 2: has no '='; expected KEY=VALUE")]
    [InlineData("=x", ".env: line 2: has no name before '='")]
    [InlineData("1A=x", ".env: line 2: has no name before '='")]
    [InlineData("A B=x", ".env: line 2: has no name before '='")]
    [InlineData("SECRET=\"sk-or-v1-marked", ".env: line 2: SECRET: has an opening quote without a closing one")]
    [InlineData("SECRET='a' sk-or-v1-marked", ".env: line 2: SECRET: has text after its closing quote")]
    [InlineData("FIRST=sk-or-v1-marked", ".env: line 2: FIRST is set twice")]
    public async Task BadDotEnvLine_IsNamedWithoutItsValue(string line, string expected)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Write(".env", "FIRST=1\n" + line + "\n");

        var fault = Assert.Single(await _folder.LoadBadAsync());

        Assert.StartsWith(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("marked", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GATEWAY_PORT", "abc", "Server:Port: got \"abc\"; expected a whole number (from GATEWAY_PORT)")]
    [InlineData("GATEWAY_HTTPS", "maybe", "Server:Https: got \"maybe\"; expected true or false (from GATEWAY_HTTPS)")]
    [InlineData("GATEWAY_IP", "1", "Server:Address: got \"1\"; expected an IPv4 or IPv6 address such as 0.0.0.0 or ::1 (from GATEWAY_IP)")]
    [InlineData("GATEWAY_OPENROUTER_BASE_URL", "openrouter.ai", "GATEWAY_OPENROUTER_BASE_URL: \"openrouter.ai\" is not a valid upstream address; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("GATEWAY_OPENROUTER_BASE_URL", "https://me:secret@openrouter.ai", "GATEWAY_OPENROUTER_BASE_URL: the URL holds a user name or password; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("GATEWAY_OPENROUTER_BASE_URL", "https://me:secret@open router.ai", "GATEWAY_OPENROUTER_BASE_URL: the value is not a valid upstream address; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("GATEWAY_MODEL_PROVIDER_MAPPING", "gpt-4", "GATEWAY_MODEL_PROVIDER_MAPPING: got \"gpt-4\", expected PATTERN=PROVIDER[,PROVIDER...]")]
    [InlineData("Server__Prot", "1", "Server:Prot: unknown setting; expected one of Address, Port, Https, CertPath, KeyPath, MaxRequestBodySize, RequestBodyMemory, MaxWaitingBodies, RuleHeader, ForwardTraceHeaders, EventStreamHeaderDelay, ShutdownTimeout, ShutdownDelay, Limits; did you mean Port? (from Server__Prot)")]
    [InlineData("ProviderMapping__Rules__1__Model", "x", "ProviderMapping:Rules:1: is not an index of this array; expected 0 to 0 (from ProviderMapping__Rules__1__Model)")]
    [InlineData("Teams__0__Id", "x", "Teams:0:Keys: is missing; expected an array (from Teams__0__Id)", "Teams:0:OpenRouterKey: is missing; expected a string (from Teams__0__Id)")]
    public async Task BadVariable_IsNamed(string name, string value, params string[] expected)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables[name] = value;
        Assert.Equal(expected, await _folder.LoadBadAsync());

        // The same in .env is said to be there.
        _folder.Variables.Clear();
        _folder.Write(".env", $"{name}={value}");
        expected =
        [
            .. expected.Select(fault => fault.Replace($"from {name}", $"from {name} in .env", StringComparison.Ordinal)
                .Replace($"{name}:", $"{name} in .env:", StringComparison.Ordinal)),
        ];
        Assert.Equal(expected, await _folder.LoadBadAsync());
    }

    /// <summary>YARP takes an address as it is written, and .NET's parser knows fewer blanks than a trim.</summary>
    [Theory]
    [InlineData("\u00a0https://openrouter.ai/api/v1")]
    [InlineData("\vhttps://openrouter.ai/api/v1")]
    [InlineData(" https://openrouter.ai/api/v1")]
    [InlineData("https://openrouter.ai/api/v1 ")]
    [InlineData("https://openrouter.ai/api/v1\u3000")]
    public async Task BlankAtAnEndOfAnAddress_IsAFault(string address)
    {
        const string Variable = "ReverseProxy__Clusters__openrouter__Destinations__openrouter__Address";
        _folder.Write("appsettings.json", ShippedSettings.Text);
        _folder.Variables[Variable] = address;

        Assert.Equal(
            [
                "ReverseProxy:Clusters:openrouter:Destinations:openrouter:Address: begins or ends with a blank; "
                    + $"expected an absolute http or https URL such as https://openrouter.ai/api/v1 (from {Variable})",
            ],
            await _folder.LoadBadAsync());
    }

    [Fact]
    public async Task FolderForAFile_IsCalledAFolder()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "appsettings.json"));
        var unreadable = Assert.Single(await _folder.LoadBadAsync());
        Assert.EndsWith("appsettings.json: is a folder; expected a file", unreadable, StringComparison.Ordinal);

        _folder.Args = ["--config=good.json", "--https", "--cert-path=folder", "--key-path=folder"];
        _folder.Write("good.json", SettingsFolder.Json());
        Directory.CreateDirectory(Path.Combine(_folder.Path, "folder"));
        Assert.All(
            await _folder.LoadBadAsync(),
            fault => Assert.Contains("is a folder; expected a PEM file", fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, null, null, "Server:CertPath: is missing;", "Server:KeyPath: is missing;")]
    [InlineData(true, "cert.pem", null, "Server:KeyPath: is missing; expected a PEM file with the private key, since Https is on")]
    [InlineData(false, null, "key.pem", "Server:CertPath: is missing; expected a PEM file with the certificate, since KeyPath is set")]
    [InlineData(true, "cert.pem", "nowhere.pem", "Server:KeyPath: ")]
    public async Task IncompleteTls_IsAFault(bool https, string? cert, string? key, params string[] expected)
    {
        _folder.Write("cert.pem", "");
        _folder.Write("key.pem", "");
        _folder.Write("appsettings.json", SettingsFolder.Json($"\"Server\": {{ \"Https\": {(https ? "true" : "false")} }}"));
        _folder.Args = [.. cert is null ? (string[])[] : ["--cert-path", cert], .. key is null ? (string[])[] : ["--key-path", key]];

        var faults = await _folder.LoadBadAsync();

        Assert.Equal(expected.Length, faults.Length);
        Assert.All(expected.Zip(faults), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Fact]
    public async Task BadEnvironmentName_IsAFaultAndReadsNoOverlay()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables["DOTNET_ENVIRONMENT"] = "../x";

        Assert.Equal(
            [$"environment: \"../x\" is not a valid environment name; expected {SettingFormats.EnvironmentNameExpected}"],
            await _folder.LoadBadAsync());
    }

    [Fact]
    public async Task BaseUrlWithoutItsCluster_IsAFault()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json().Replace("openrouter", "other", StringComparison.Ordinal));
        _folder.Args = ["--openrouter-base-url", "http://127.0.0.1:1"];

        Assert.Equal(
            ["--openrouter-base-url: there is no cluster \"openrouter\" in ReverseProxy:Clusters whose destinations it can replace"],
            await _folder.LoadBadAsync());
    }

    [Fact]
    public async Task SizeLimitAboveTheMemory_IsWarnedOf()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(
            """ "Server": { "RequestBodyMemory": 104857599 } """));

        var warning = Assert.Single((await _folder.LoadGoodAsync()).Warnings);

        Assert.Equal("Server:RequestBodyMemory", warning.Path);
        Assert.Contains("MaxRequestBodySize", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OddButWorkingSettings_AreWarnedOf()
    {
        _folder.Write("cert.pem", "");
        _folder.Write("key.pem", "");
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "CertPath": "cert.pem", "KeyPath": "key.pem" } """)
            .Replace("https://one.example/v1", "http://one.example/v1", StringComparison.Ordinal));

        var warnings = (await _folder.LoadGoodAsync()).Warnings;

        Assert.Equal(
            ["Server:CertPath", "ReverseProxy:Clusters:openrouter:Destinations:a:Address"], warnings.Select(warning => warning.Path));
    }
}
