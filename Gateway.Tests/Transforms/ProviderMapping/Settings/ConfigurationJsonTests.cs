using System.Text;
using Microsoft.Extensions.Configuration;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Settings;

public class ConfigurationJsonTests
{
    [Theory]
    [InlineData("""{"zdr":true,"allow_fallbacks":false}""", """{"allow_fallbacks":false,"zdr":true}""")]
    [InlineData("""{"zdr":"TRUE"}""", """{"zdr":true}""")]
    [InlineData("""{"zdr":"yes"}""", """{"zdr":"yes"}""")]
    [InlineData("""{"max_price":{"prompt":1.50,"completion":"2e0"}}""", """{"max_price":{"completion":2e0,"prompt":1.50}}""")]
    [InlineData("""{"max_price":{"prompt":"1,5"}}""", """{"max_price":{"prompt":"1,5"}}""")]
    [InlineData("""{"max_price":{}}""", """{"max_price":{}}""")]
    [InlineData("""{"order":["true","5"]}""", """{"order":["true","5"]}""")]
    [InlineData("""{"only":[]}""", """{"only":[]}""")]
    [InlineData("""{"order":"a"}""", """{"order":"a"}""")]
    [InlineData("""{"data_collection":"deny"}""", """{"data_collection":"deny"}""")]
    [InlineData("""{"sort":"price"}""", """{"sort":"price"}""")]
    [InlineData("""{"sort":{"by":"price","partition":"none"}}""", """{"sort":{"by":"price","partition":"none"}}""")]
    [InlineData("""{"sort":null}""", """{"sort":null}""")]
    [InlineData("""{"preferred_min_throughput":50}""", """{"preferred_min_throughput":50}""")]
    [InlineData("""{"preferred_max_latency":{"p90":2.5}}""", """{"preferred_max_latency":{"p90":2.5}}""")]
    [InlineData("""{"preferred_max_latency":"007"}""", """{"preferred_max_latency":"007"}""")]
    [InlineData("""{"preferred_max_latency":"1 "}""", """{"preferred_max_latency":"1 "}""")]
    [InlineData("""{"options":{"fal":{"steps":4,"safe":true,"style":"x"}}}""", """{"options":{"fal":{"safe":true,"steps":4,"style":"x"}}}""")]
    [InlineData("""{"new":[1,"a",{"x":false}]}""", """{"new":[1,"a",{"x":false}]}""")]
    [InlineData("""{"ZDR":true,"Max_Price":{"Prompt":1}}""", """{"max_price":{"prompt":1},"zdr":true}""")]
    [InlineData("""{"only":["Müller & Söhne <é>"]}""", """{"only":["Müller & Söhne <é>"]}""")]
    public void ProviderMember_GetsTheTypeThatOpenRouterExpects(string provider, string expected)
    {
        var (json, problems) = Write($$"""{"Rules":[{"Provider":{{provider}}}]}""");
        Assert.Equal($$"""{"Rules":[{"Provider":{{expected}}}]}""", json);
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("""{"Rules":[]}""")]
    [InlineData("""{"Rules":[{"Model":"openai/gpt:free"}]}""")]
    [InlineData("""{"Rules":[{"Model":["true","5","*"]}]}""")]
    [InlineData("""{"Aliases":[{"Fallbacks":[],"Model":"a","Use":"b"}]}""")]
    [InlineData("""{"RuleSets":{"A":{"Rules":[{"Name":"5"}]}}}""")]
    [InlineData("""{"Rule":"x"}""")]
    public void Setting_KeepsItsShape(string section)
    {
        var (json, problems) = Write(section);
        Assert.Equal(section, json);
        Assert.Empty(problems);
    }

    [Fact]
    public void ElevenEntries_KeepTheirOrder()
    {
        var rules = string.Join(',', Enumerable.Range(0, 11).Select(i => $$"""{"Name":"{{i}}"}"""));
        Assert.Equal($$"""{"Rules":[{{rules}}]}""", Write($$"""{"Rules":[{{rules}}]}""").Json);
    }

    [Fact]
    public void EnvironmentVariables_JoinTheFile()
    {
        var (json, problems) = Write(
            """{"Rules":[{"Model":"a","Provider":{"only":[]}}]}""",
            ("RULES:0:PROVIDER:ZDR", "true"),
            ("Rules:0:Provider:only:0", "x"));
        Assert.Equal("""{"Rules":[{"Model":"a","Provider":{"only":["x"],"zdr":true}}]}""", json);
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("Rules:2:Name", "Rules:2", "expected the index 1")]
    [InlineData("Rules:one:Name", "Rules:one", "expected the index 1")]
    [InlineData("Rules:0:Model:0", "Rules:0:Model", "got \"a\" together with entries")]
    public void MergeOfTwoSources_ThatDoesNotFit_IsAFault(string key, string path, string message)
    {
        var (_, problems) = Write("""{"Rules":[{"Model":"a"}]}""", (key, "x"));
        var fault = Assert.Single(problems);
        Assert.Equal((path, false), (fault.Path, fault.IsWarning));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    private static (string Json, List<RuleProblem> Problems) Write(string section, params (string Key, string Value)[] others)
    {
        var problems = new List<RuleProblem>();
        var configuration = new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($$"""{"ProviderMapping":{{section}}}""")))
            .AddInMemoryCollection(others.Select(other => KeyValuePair.Create<string, string?>($"ProviderMapping:{other.Key}", other.Value)))
            .Build();
        return (Encoding.UTF8.GetString(ConfigurationJson.Write(configuration.GetSection("ProviderMapping"), problems)), problems);
    }
}
