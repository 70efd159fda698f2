using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody.Tools;

/// <summary>Promise: the scan of a body finds every server tool and plugin, and the models that they name.</summary>
public sealed class ServerToolScanTests
{
    private const int Most = RoutingMemberCollector.MaxEntries;

    [Theory]
    [InlineData("""[{"type":"openrouter:web_search"}]""", "openrouter:web_search")]
    [InlineData("""[{"type":"web_search_20250305","name":"web_search","max_uses":8}]""", "web_search_20250305")]
    [InlineData("""[{"type":"mcp","server_url":"https://x"},{"type":"a thing that nobody knows"}]""", "mcp, a thing that nobody knows")]
    [InlineData("""[{"parameters":{},"ty\u0070e":"openrouter:f\u0069les"}]""", "openrouter:files")]
    [InlineData("""[{"type":"function","function":{"name":"f"}},{"type":"custom"},{"type":"apply_patch"},{"name":"anthropic","input_schema":{}}]""", "")]
    [InlineData("""[{"type":"computer_20250124"},{"type":"bash_20250124"},{"type":"text_editor_20250124"},{"type":"str_replace_based_edit_tool"},{"type":"memory_20250818"}]""", "")]
    [InlineData("""[{"type":"tool_search","execution":"client"}]""", "")]
    [InlineData("""[{"type":"tool_search"}]""", "tool_search")]
    [InlineData("""[{"type":"tool_search","execution":"client","execution":"server"}]""", "tool_search")]
    [InlineData("""[{"type":"openrouter:bash"}]""", "")]
    [InlineData("""[{"type":"openrouter:bash","parameters":{"engine":"openrouter"}}]""", "openrouter:bash")]
    [InlineData("""[{"type":"namespace","tools":[{"type":"function"},{"type":"openrouter:files"}]}]""", "openrouter:files")]
    [InlineData("""[{"tools":[{"type":"openrouter:files"}],"type":"namespace"}]""", "openrouter:files")]
    [InlineData("""[{"type":"namespace","tools":[{"type":"function","parameters":{"properties":{"tools":[{"type":"mcp"}]}}}]}]""", "")]
    [InlineData("""[{"type":"function","parameters":{"examples":[{"tools":[{"type":"mcp"}],"model":"x"}]}}]""", "")]
    [InlineData("""[{"input_schema":{"examples":[{"tools":[{"type":"mcp"}],"model":"x"}]},"name":"f"}]""", "")]
    [InlineData("""[{"type":"openrouter:subagent","parameters":{"model":"m","tools":[{"type":"shell"}]}}]""", "shell, openrouter:subagent m")]
    [InlineData("""[{"type":"function","tools":[{"type":"mcp"}],"type":"namespace"}]""", "(unknown) *")]
    [InlineData("""[{"type":"openrouter:files","type":"function"}]""", "openrouter:files")]
    [InlineData("""[{"type":7}]""", "(unknown)")]
    [InlineData("""[{"type":null}]""", "")]
    [InlineData("""["openrouter:files",7,null,[]]""", "openrouter:files, (unknown), (unknown)")]
    [InlineData("""{"type":"openrouter:files"}""", "openrouter:files")]
    [InlineData("\"openrouter:files\"", "(unknown)")]
    [InlineData("null", "")]
    [InlineData("""[{"type":"openrouter:advisor","parameters":{"model":"anthropic/claude-opus-4"}}]""", "openrouter:advisor anthropic/claude-opus-4")]
    [InlineData("""[{"type":"openrouter:advisor"}]""", "openrouter:advisor *")]
    [InlineData("""[{"model":"claude-opus-4","type":"advisor_20260301"}]""", "advisor_20260301 claude-opus-4")]
    [InlineData("""[{"type":"image_generation"}]""", "image_generation *")]
    [InlineData("""[{"type":"openrouter:fusion","parameters":{"analysis_models":["a","b"],"model":"c"}}]""", "openrouter:fusion a b c")]
    [InlineData("""[{"type":"openrouter:fusion","parameters":{"analysis_models":["a","b"]}}]""", "openrouter:fusion a b *")]
    [InlineData("""[{"type":"openrouter:web_search","a":[{"b":{"models":[{"x":"deep"}]}}]}]""", "openrouter:web_search deep")]
    public void Tools_AreFound(string tools, string expected)
    {
        Assert.Equal(expected, Summary($$"""{"model":"m","tools":{{tools}},"stream":true}"""));
        Assert.Equal(expected, Summary($$"""{"tools":{{tools}},"tools":[]}"""));
    }

    [Theory]
    [InlineData("""[{"id":"web"}]""", "plugin:web")]
    [InlineData("""[{"enabled":false,"id":"web"}]""", "")]
    [InlineData("""[{"id":"web","enabled":"false"},{"id":"file-parser","enabled":true}]""", "plugin:web, plugin:file-parser")]
    [InlineData("""[{"id":"web","enabled":false,"enabled":true}]""", "plugin:web")]
    [InlineData("""[{"id":"fusion","analysis_models":["x"],"model":"y"}]""", "plugin:fusion x y")]
    [InlineData("""[{"id":"fusion","preset":"general-high","analysis_models":["x"],"model":"y"}]""", "plugin:fusion x y *")]
    [InlineData("""[{"id":"fusion","analysis_models":["x"],"model":"y","tools":[{"type":"mcp"}],"enabled":false}]""", "")]
    [InlineData("""[{"id":"fusion","analysis_models":["x"],"model":"y","tools":[{"type":"mcp"}]}]""", "mcp, plugin:fusion x y")]
    [InlineData("""[{"id":"auto-router","allowed_models":["anthropic/claude","openai/*"]}]""", "plugin:auto-router anthropic/claude *")]
    [InlineData("""[{"id":"auto-router"}]""", "plugin:auto-router *")]
    [InlineData("""[{"id":"pareto-router","max_price":1}]""", "plugin:pareto-router *")]
    [InlineData("""[{"id":"switchyard-router","algorithm":"x"}]""", "plugin:switchyard-router *")]
    [InlineData("""[{}]""", "plugin:(unknown)")]
    [InlineData("""["web"]""", "plugin:web")]
    [InlineData("""{"id":"web"}""", "plugin:web")]
    public void Plugins_AreFound(string plugins, string expected) => Assert.Equal(expected, Summary($$"""{"plugins":{{plugins}}}"""));

    [Theory]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":"m"}}""", false)]
    [InlineData("""{"parameters":{"mod\u0065l":"m","forward_transcript":true},"type":"openrouter:advisor","name":"a"}""", false)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":"m"},"parameters":{}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{},"parameters":{"model":"m"}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":"m"},"parameters":null}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":"m"},"p\u0061rameters":{}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":"m","model":null}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":"m","model":""}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":""}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"model":["m"]}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"models":["m"]}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":[{"model":"m"}]}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"x":{"model":"m"}}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{"tools":[[{"model":"m"}]]}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","parameters":{},"x":{"model":"m"}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","model":"m"}""", true)]
    [InlineData("""{"type":"openrouter:advisor","model":"m","parameters":{"model":"m"}}""", true)]
    [InlineData("""{"type":"openrouter:advisor","type":"image_generation","model":"m"}""", true)]
    [InlineData("""{"type":"advisor_20260301","model":"m"}""", false)]
    [InlineData("""{"type":"advisor_20260301","parameters":{"model":"m"}}""", true)]
    [InlineData("""{"type":"advisor_20260301","model":"m","model":null}""", true)]
    [InlineData("""{"type":"image_generation","model":"m","size":"auto"}""", false)]
    [InlineData("""{"type":"image_generation","parameters":{"model":"m"}}""", true)]
    [InlineData("""{"type":"openrouter:image_generation","parameters":{"model":"m"}}""", false)]
    [InlineData("""{"type":"openrouter:image_generation","model":"m"}""", true)]
    [InlineData("""{"type":"openrouter:subagent","parameters":{"tools":[{"type":"openrouter:files"}],"model":"m"}}""", false)]
    [InlineData("""{"type":"openrouter:subagent","parameters":{"tools":[{"type":"openrouter:files","parameters":{"model":"m"}}]}}""", true)]
    [InlineData("""{"type":"some_fusion","model":"m","analysis_models":["m"]}""", true)]
    [InlineData("""{"type":"openrouter:fusion","parameters":{"model":"m","analysis_models":["m","m"]}}""", false)]
    [InlineData("""{"type":"openrouter:fusion","parameters":{"model":"m","models":["m"]}}""", true)]
    [InlineData("""{"type":"openrouter:fusion","parameters":{"model":"m","analysis_models":[]}}""", true)]
    [InlineData("""{"type":"openrouter:fusion","parameters":{"model":"m","analysis_models":["m",null]}}""", true)]
    [InlineData("""{"type":"openrouter:fusion","parameters":{"model":"m","analysis_models":["m",["m"]]}}""", true)]
    [InlineData("""{"type":"openrouter:fusion","x":{"model":"m","models":["m"]}}""", true)]
    [InlineData("""{"type":"openrouter:fusion","model":"m","analysis_models":["m"]}""", true)]
    public void ToolThatChooses_NamesItsModelOnlyWhereItReadsIt(string tool, bool namesAny) =>
        Assert.Equal(namesAny, Summary($$"""{"tools":[{{tool}}]}""").EndsWith('*'));

    [Theory]
    [InlineData("""{"id":"auto-router","allowed_models":["m"]}""", false)]
    [InlineData("""{"allowed_models":["m","m"],"id":"auto-beta-router","excluded_models":["x/*"]}""", false)]
    [InlineData("""{"id":"auto-router","allowed_models":["m"],"allowed_models":[]}""", true)]
    [InlineData("""{"id":"auto-router","allowed_models":["m"],"allowed_models":null}""", true)]
    [InlineData("""{"id":"auto-router","allowed_models":"m"}""", true)]
    [InlineData("""{"id":"auto-router","models":["m"]}""", true)]
    [InlineData("""{"id":"auto-router","parameters":{"allowed_models":["m"]}}""", true)]
    [InlineData("""{"id":"auto-router","x":{"allowed_models":["m"]}}""", true)]
    [InlineData("""{"id":"web","id":"auto-router","allowed_models":["m"]}""", true)]
    [InlineData("""{"id":"pareto-router","models":["m"]}""", true)]
    [InlineData("""{"id":"pareto-router","allowed_models":["m"]}""", true)]
    [InlineData("""{"id":"Auto-Router","allowed_models":["m"]}""", true)]
    [InlineData("""{"id":"fusion","model":"m","analysis_models":["m"]}""", false)]
    [InlineData("""{"id":"fusion","model":"m","analysis_models":["m"],"analysis_models":[]}""", true)]
    [InlineData("""{"id":"fusion","parameters":{"model":"m","analysis_models":["m"]}}""", true)]
    public void PluginThatChooses_NamesItsModelsOnlyWhereItReadsThem(string plugin, bool namesAny) =>
        Assert.Equal(namesAny, Summary($$"""{"plugins":[{{plugin}}]}""").EndsWith('*'));

    [Theory]
    [InlineData("""{"web_search_options":{}}""", "plugin:web")]
    [InlineData("""{"web_search_options":null}""", "")]
    [InlineData("""{"mcp_servers":[{"type":"url"}]}""", "mcp")]
    [InlineData("""{"mcp_servers":[ ]}""", "")]
    [InlineData("""{"messages":[{"role":"assistant","model":"a/b"},{"m\u006fdel":"c"}],"plugins":[{"id":"auto-router","allowed_models":["x"],"pin_model":true}]}""", "plugin:auto-router x, plugin:auto-router a/b c")]
    [InlineData("""{"messages":[{"model":"a/b"}],"plugins":[{"id":"auto-router","allowed_models":["x"],"pin_model":false}]}""", "plugin:auto-router x")]
    public void OtherMembers_AreFound(string body, string expected) => Assert.Equal(expected, Summary(body));

    [Theory]
    [InlineData("\"speed\":\"fast\"", true)]
    [InlineData("\"service_tier\":\"pr\\u0069ority\"", true)]
    [InlineData("\"service_tier\":\"fast\",\"service_tier\":\"default\"", true)]
    [InlineData("\"service_tier\":\" Priority \"", true)]
    [InlineData("\"speed\":\"fast                                                                          \"", true)]
    [InlineData("\"service_tier\":\"scale\"", false)]
    [InlineData("\"service_tier\":[\"fast\"]", false)]
    [InlineData("\"service_tier\":\"flex\"", false)]
    [InlineData("\"service_tier\":null", false)]
    public void FastTier_IsFound(string members, bool isFast) => Assert.Equal(isFast, BodyScan.Facts($"{{{members}}}").ServerTools.IsFast);

    [Fact]
    public void OrdinaryBody_HasTheSharedEmptyFacts() => Assert.Same(
        ServerToolFacts.None, BodyScan.Facts("""{"model":"m","messages":[{"content":"hi"}],"tools":[{"type":"function"}]}""").ServerTools);

    [Fact]
    public void ThreeHundredClientTools_Pass()
    {
        // Schemas with more strings under `model` than the limit of model names.
        var names = string.Join(',', Enumerable.Repeat("\"m\"", 2 * Most));
        var schema = "{\"type\":\"object\",\"properties\":{\"model\":{\"type\":\"string\",\"enum\":[" + names + "]}}}";
        var tools = Enumerable.Range(0, 300).Select(i => i % 2 == 0
            ? $$$"""{"type":"function","function":{"name":"f{{{i}}}","parameters":{{{schema}}}}}"""
            : $$"""{"name":"f{{i}}","input_schema":{{schema}}}""");
        var body = $$"""{"tools":[{{string.Join(',', tools)}},{"type":"openrouter:web_search"}]}""";

        Assert.Equal("openrouter:web_search", Summary(body, everyWay: false));
    }

    [Theory]
    [InlineData("more than 1024 server tools")]
    [InlineData("more than 1024 types of tools")]
    [InlineData("more than 1024 model names in tools")]
    [InlineData("a model name of more than 512 bytes")]
    [InlineData("a type of a tool of more than 4096 bytes")]
    [InlineData("tools nested more than 16 deep")]
    public void HostileTools_AreAFault(string problem)
    {
        var tools = problem switch
        {
            "more than 1024 server tools" => string.Join(',', Enumerable.Repeat("""{"type":"mcp"}""", Most + 1)),
            "more than 1024 types of tools" => $"{{{string.Join(',', Enumerable.Repeat("\"type\":\"mcp\"", Most + 1))}}}",
            "more than 1024 model names in tools" =>
                $$"""{"type":"mcp","models":[{{string.Join(',', Enumerable.Repeat("\"m\"", Most + 1))}}]}""",
            "a model name of more than 512 bytes" => $$"""{"type":"mcp","model":"{{new string('m', 5000)}}"}""",
            "a type of a tool of more than 4096 bytes" => $$"""{"type":"{{new string('m', 5000)}}"}""",
            _ => string.Concat(Enumerable.Repeat("""{"type":"namespace","tools":[""", 20)) + string.Concat(Enumerable.Repeat("]}", 20)),
        };

        var fault = BodyScan.FaultOf(Encoding.UTF8.GetBytes($$"""{"model":"m","tools":[{{tools}}]}"""));

        Assert.Equal(new BodyFault(13, problem), fault);
    }

    [Fact]
    public void FewestTools_AtTheLimitPass() => Assert.Equal(
        Most, BodyScan.Facts($$"""{"tools":[{{string.Join(',', Enumerable.Repeat("""{"type":"mcp"}""", Most))}}]}""").ServerTools.Uses.Count);

    private static string Summary(string body, bool everyWay = true)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        if (everyWay)
        {
            BodyScan.EveryWay(bytes);
            Assert.Equal(ToolsFromJson.Describe(bytes), BodyScan.Describe(BodyScan.Facts(bytes).ServerTools));
        }

        return string.Join(", ", BodyScan.Facts(bytes).ServerTools.Uses.Select(
            use => string.Join(" ", [use.Name, .. use.Models, .. use.NamesAnyModel ? (string[])["*"] : []])));
    }
}
