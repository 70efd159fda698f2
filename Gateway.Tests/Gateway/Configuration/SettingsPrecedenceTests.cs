using Gateway.Configuration.Model;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

public sealed class SettingsPrecedenceTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task NothingSet_GivesEveryDefault()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());

        var settings = (await _folder.LoadGoodAsync()).Settings;

        Assert.Equal(new ServerSettings(), settings.Server);
        Assert.Equal(3000, settings.Server.Port);
        Assert.Equal("0.0.0.0", settings.Server.Address);
        Assert.Equal(104857600, settings.Server.MaxRequestBodySize);
        Assert.Equal(268435456, settings.Server.RequestBodyMemory);
        Assert.Equal(256, settings.Server.MaxWaitingBodies);
        Assert.Equal(TimeSpan.FromSeconds(30), settings.Server.Limits.MinRequestBodyDataRate.GracePeriod);
        Assert.Equal(new LoggingSettings().LogLevel, settings.Logging.LogLevel);
    }

    // Each step is laid over all those below it.
    [Theory]
    [InlineData(0, 3000)]
    [InlineData(1, 3001)]
    [InlineData(2, 3002)]
    [InlineData(3, 3003)]
    [InlineData(4, 3004)]
    [InlineData(5, 3005)]
    public async Task Port_ComesFromTheHighestSource(int highest, int expected)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(highest >= 1 ? """ "Server": { "Port": 3001 } """ : ""));
        if (highest >= 2)
        {
            _folder.Write("appsettings.Production.json", """{ "Server": { "Port": 3002 } }""");
        }

        if (highest >= 3)
        {
            _folder.Write(".env", "GATEWAY_PORT=3003");
        }

        if (highest >= 4)
        {
            _folder.Variables["GATEWAY_PORT"] = "3004";
        }

        if (highest >= 5)
        {
            _folder.Args = ["--port", "3005"];
        }

        Assert.Equal(expected, (await _folder.LoadGoodAsync()).Settings.Server.Port);
    }

    [Fact]
    public async Task EveryShortVariable_SetsItsSetting()
    {
        var cert = _folder.Write("cert.pem", "");
        var key = _folder.Write("key.pem", "");
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables["GATEWAY_PORT"] = "1234";
        _folder.Variables["GATEWAY_IP"] = "::1";
        _folder.Variables["GATEWAY_HTTPS"] = "True";
        _folder.Variables["GATEWAY_CERT_PATH"] = "cert.pem";
        _folder.Variables["GATEWAY_KEY_PATH"] = "key.pem";
        _folder.Variables["GATEWAY_OPENROUTER_BASE_URL"] = "http://127.0.0.1:9/api/v1/";
        _folder.Variables["GATEWAY_MODEL_PROVIDER_MAPPING"] = "a/*=A,B ; b/*=C;";

        var snapshot = await _folder.LoadGoodAsync();

        var server = snapshot.Settings.Server;
        Assert.Equal((1234, "::1", true, cert, key), (server.Port, server.Address, server.Https, server.CertPath, server.KeyPath));
        Assert.Equal("http://127.0.0.1:9/api/v1", Assert.Single(snapshot.Clusters[0].Destinations!).Value.Address);
        Assert.Equal(["env-1", "env-2"], snapshot.Rules.Rules.Select(rule => rule.Name));
        Assert.Equal(["a/*", "b/*"], snapshot.RuleSummaries.SelectMany(rule => rule.Models));
    }

    [Fact]
    public async Task EveryFlag_SetsItsSetting()
    {
        var cert = _folder.Write("cert.pem", "");
        var key = _folder.Write("key.pem", "");
        _folder.Write("other.json", SettingsFolder.Json());
        _folder.Args =
        [
            "--port=1234", "--ip=::1", "--https", "--cert-path=cert.pem", "--key-path=key.pem", "--openrouter-base-url=http://127.0.0.1:9/",
            "--model-provider-mapping=a=A", "--model-provider-mapping", "b=B", "--config=other.json", "--verbose",
        ];

        var snapshot = await _folder.LoadGoodAsync();

        var server = snapshot.Settings.Server;
        Assert.Equal((1234, "::1", true, cert, key), (server.Port, server.Address, server.Https, server.CertPath, server.KeyPath));
        Assert.Equal("http://127.0.0.1:9", Assert.Single(snapshot.Clusters[0].Destinations!).Value.Address);
        Assert.Equal(["cli-1", "cli-2"], snapshot.Rules.Rules.Select(rule => rule.Name));
        Assert.Equal(LogLevel.Debug, snapshot.Settings.Logging.LogLevel["Gateway"]);
        Assert.Equal(LogLevel.Information, snapshot.Settings.Logging.LogLevel["Default"]);
    }

    [Fact]
    public async Task Rules_StandInTheOrderCommandLineVariableFile()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(
            """ "ProviderMapping": { "Rules": [ { "Model": "f", "Provider": { "order": ["F"] } } ] } """));
        _folder.Write(".env", "GATEWAY_MODEL_PROVIDER_MAPPING=hidden=X");
        _folder.Variables["GATEWAY_MODEL_PROVIDER_MAPPING"] = "e=E";
        _folder.Args = ["--model-provider-mapping", "c=C"];

        Assert.Equal(["cli-1", "env-1", "rule-1"], (await _folder.LoadGoodAsync()).Rules.Rules.Select(rule => rule.Name));
    }

    [Fact]
    public async Task PathVariables_ReachObjectsMapsAndArrays()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(
            """
            "ProviderMapping": { "Rules": [
              { "Model": "f", "Provider": { "order": ["F"] } },
              { "Model": "g", "Provider": { "order": ["G"] } } ] }
            """));
        _folder.Variables["server__limits__maxconnections"] = "5";
        _folder.Variables["Logging__LogLevel__Microsoft.AspNetCore"] = "error";
        _folder.Variables["ProviderMapping__Rules__1__Name"] = "second";
        _folder.Variables["ProviderMapping__Rules__1__Provider__zdr"] = "true";
        _folder.Variables["ProviderMapping__Rules__2"] = """{ "Model": "h", "Provider": { "only": ["H"] } }""";
        _folder.Variables["ProviderMapping__Rules__3__Model"] = "i";
        _folder.Variables["ProviderMapping__Rules__3__Provider__only__0"] = "I";
        _folder.Variables["ReverseProxy__Clusters__openrouter__Destinations__a__Address"] = "https://two.example";

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(5, snapshot.Settings.Server.Limits.MaxConnections);
        Assert.Equal(LogLevel.Error, snapshot.Settings.Logging.LogLevel["Microsoft.AspNetCore"]);
        Assert.Equal(["rule-1", "second", "rule-3", "rule-4"], snapshot.Rules.Rules.Select(rule => rule.Name));
        Assert.Equal("""{"order":["G"],"zdr":true}""", snapshot.RuleSummaries[1].Block);
        Assert.Equal("""{"only":["I"]}""", snapshot.RuleSummaries[3].Block);
        Assert.Equal("https://two.example", snapshot.Clusters[0].Destinations!["a"].Address);
    }

    [Fact]
    public async Task Overlay_MergesObjectsAndReplacesArrays()
    {
        _folder.HasOtherSpelling = true;
        _folder.Write("appsettings.json", SettingsFolder.Json(
            """
            "Server": { "Port": 1, "RuleHeader": false },
            "ProviderMapping": { "Rules": [
              { "Model": "a", "Provider": { "order": ["A"] } },
              { "Model": "b", "Provider": { "order": ["B"] } } ] }
            """));
        _folder.Write("appsettings.Staging.json",
            """
            { "server": { "port": 2, "ruleheader": null },
              "ProviderMapping": { "Rules": [ { "Model": "c", "Provider": { "order": ["C"] } } ] } }
            """);
        _folder.Variables["ASPNETCORE_ENVIRONMENT"] = "Staging";

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(2, snapshot.Settings.Server.Port);
        Assert.True(snapshot.Settings.Server.RuleHeader);
        Assert.Equal("c", Assert.Single(snapshot.RuleSummaries).Models[0]);
    }

    [Theory]
    [InlineData("Flag", "Asp", "Dotnet", "Flag")]
    [InlineData(null, "Asp", "Dotnet", "Asp")]
    [InlineData(null, null, "Dotnet", "Dotnet")]
    [InlineData(null, "", "Dotnet", "Dotnet")]
    [InlineData(null, null, null, "Production")]
    public void EnvironmentName_ComesFromTheFirstThatIsSet(string? flag, string? asp, string? dotnet, string expected)
    {
        _folder.Args = flag is null ? [] : ["--environment=" + flag];
        if (asp is not null)
        {
            _folder.Variables["ASPNETCORE_ENVIRONMENT"] = asp;
        }

        if (dotnet is not null)
        {
            _folder.Variables["DOTNET_ENVIRONMENT"] = dotnet;
        }

        Assert.Equal(expected, _folder.Sources().EnvironmentName);
    }

    [Fact]
    public async Task EmptyVariable_CountsAsNotSet()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 3001 } """));
        _folder.Write(".env", "GATEWAY_PORT=\nServer__MaxRequestBodySize=\n");
        _folder.Variables["GATEWAY_PORT"] = " ";

        Assert.Equal(3001, (await _folder.LoadGoodAsync()).Settings.Server.Port);
    }

    [Fact]
    public async Task VariableNames_CompareWithoutCase()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables["gateway_port"] = "1";
        _folder.Variables["GATEWAY_PORT"] = "2";
        _folder.Variables["gateway_ip"] = "::1";

        var server = (await _folder.LoadGoodAsync()).Settings.Server;

        Assert.Equal((2, "::1"), (server.Port, server.Address));
    }

    [Fact]
    public async Task StrayVariables_HarmNobody()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables["USAGE"] = "x";
        _folder.Variables["SERVER"] = "x";
        _folder.Variables["Foo__Bar"] = "x";
        _folder.Variables["PORT"] = "x";

        Assert.Empty((await _folder.LoadGoodAsync()).Warnings);
    }

    [Fact]
    public async Task KubernetesServiceLink_IsNotTheListeningPort()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables["GATEWAY_PORT"] = "tcp://10.0.0.1:80";
        _folder.Variables["GATEWAY_SERVICE_HOST"] = "10.0.0.1";
        _folder.Variables["GATEWAY_PORT_80_TCP"] = "tcp://10.0.0.1:80";

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(3000, snapshot.Settings.Server.Port);
        Assert.Equal("GATEWAY_PORT", Assert.Single(snapshot.Warnings).Path);
    }

    [Fact]
    public async Task MisspeltVariable_IsWarnedOf()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Variables["GATEWAY_PROT"] = "1";

        var warning = Assert.Single((await _folder.LoadGoodAsync()).Warnings);
        Assert.Equal("GATEWAY_PROT: unknown variable, ignored; did you mean GATEWAY_PORT?", warning.ToString());
    }

    [Fact]
    public async Task VariableOfTheSettingsFile_GoesBeforeTheWorkingDirectory_AndBehindTheFlag()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 1 } """));
        _folder.Write("variable/gateway.json", SettingsFolder.Json(""" "Server": { "Port": 2 } """));
        _folder.Write("variable/gateway.Production.json", """{ "Server": { "Address": "127.0.0.2" } }""");
        _folder.Write("flag.json", SettingsFolder.Json(""" "Server": { "Port": 3 } """));
        _folder.Variables["GATEWAY_CONFIG"] = "variable/gateway.json";

        var named = await _folder.LoadGoodAsync();
        Assert.Equal((2, "127.0.0.2"), (named.Settings.Server.Port, named.Settings.Server.Address));
        Assert.Empty(named.Warnings);

        _folder.Args = ["--config", "flag.json"];
        Assert.Equal(3, (await _folder.LoadGoodAsync()).Settings.Server.Port);
    }

    [Fact]
    public async Task VariableOfTheSettingsFile_InDotEnv_IsWarnedOf()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        _folder.Write(".env", "GATEWAY_CONFIG=other.json");

        var warning = Assert.Single((await _folder.LoadGoodAsync()).Warnings);
        Assert.Equal("GATEWAY_CONFIG: is ignored in .env; set it in the environment, or give --config", warning.ToString());
    }

    [Fact]
    public async Task FileInTheWorkingDirectory_GoesBeforeTheOneBesideTheProgram()
    {
        _folder.Write("program/appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 1 } """));
        Assert.Equal(1, (await _folder.LoadGoodAsync()).Settings.Server.Port);

        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 2 } """));
        Assert.Equal(2, (await _folder.LoadGoodAsync()).Settings.Server.Port);
    }

    [Fact]
    public async Task SameContentFromAnotherSource_HasTheSameVersion()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 3001 } """));
        var first = await _folder.LoadGoodAsync();

        _folder.Write("appsettings.json", "// a comment\n" + SettingsFolder.Json());
        _folder.Args = ["-p", "3001"];
        var second = await _folder.LoadGoodAsync();
        _folder.Args = ["-p", "3002"];
        var third = await _folder.LoadGoodAsync();

        Assert.Equal(first.Version, second.Version);
        Assert.NotEqual(second.Version, third.Version);
        Assert.Equal(second.RoutesVersion, third.RoutesVersion);
        Assert.Matches("^[0-9a-f]{12}$", third.Version);
    }
}
