using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody.Tools;

/// <summary>Promise: the scan finds the server tools that items of <c>input</c> bring, as it finds those in <c>tools</c>.</summary>
public sealed class InputToolScanTests
{
    private const string Function = """{"type":"function","name":"f","parameters":{"x":[{"tools":[{"type":"mcp"}],"model":"x"}]}}""";

    [Theory]
    [InlineData("""[{"type":"additional_tools","role":"developer","tools":[{"type":"openrouter:advisor","parameters":{"model":"a/b"}}]}]""", "openrouter:advisor a/b")]
    [InlineData("""[{"type":"additional_tools","tools":[{"type":"openrouter:advisor","model":"a/b"}]}]""", "openrouter:advisor a/b *")]
    [InlineData("""[{"tools":[{"parameters":{"analysis_models":["a","b"],"model":"c"},"type":"openrouter:fusion"}]}]""", "openrouter:fusion a b c")]
    [InlineData("""[{"type":"additional_tools","tools":[{"type":"mcp","server_url":"https://x"},{"type":"shell"}]}]""", "mcp, shell")]
    [InlineData($$"""[{"type":"additional_tools","role":"developer","tools":[{{Function}},{"type":"custom"},{"name":"n"}]}]""", "")]
    [InlineData($$"""[{"type":"tool_search_output","tools":[{{Function}},{"type":"namespace","tools":[{"type":"mcp"}]}]}]""", "mcp")]
    [InlineData("""[{"type":"mcp_list_tools","tools":[{"name":"n","input_schema":{"tools":[{"type":"mcp"}]}}]}]""", "")]
    [InlineData("""[{"type":"message","content":"hi","tools":[{"type":"mcp"}],"model":"x"}]""", "mcp")]
    [InlineData("""[{"\u0074ools":[{"type":"mcp"}]}]""", "mcp")]
    [InlineData("""[{"\u0074\u006f\u006f\u006c\u0073":[{"\u0074ype":"openrouter:f\u0069les"}]}]""", "openrouter:files")]
    [InlineData("""[{"tools":[{"type":"mcp"}],"tools":[]}]""", "mcp")]
    [InlineData("""[{"tools":[],"tools":[{"type":"mcp"}],"tools":null}]""", "mcp")]
    [InlineData("""[{"tools":[{"type":"mcp"}]},"text",{"role":"user","content":[{"type":"input_text","text":"hi"}]},{"tools":[{"type":"shell"}]}]""", "mcp, shell")]
    [InlineData("""[ { "tools" : [ { "type" : "mcp" } , null ] , "x" : 1 } ]""", "mcp")]
    [InlineData("""[{"tools":{"type":"mcp"}}]""", "mcp")]
    [InlineData("""[{"tools":{"type":"function","name":"f"},"x":{"type":"mcp"}}]""", "")]
    [InlineData("""[{"tools":"mcp"}]""", "(unknown)")]
    [InlineData("""[{"tools":7},{"tools":true}]""", "(unknown), (unknown)")]
    [InlineData("""[{"tools":null},{"tools":false},{"tools":[]},{"tools":{}}]""", "")]
    [InlineData("""[{"tools":["openrouter:files",7,null,[{"tools":[{"type":"mcp"}]}]]}]""", "openrouter:files, (unknown), (unknown)")]
    [InlineData("""[{"tools":null,"type":"mcp","content":[{"type":"mcp"}]},{"type":"shell"}]""", "")]
    public void ToolsOfAnItem_AreFound(string input, string expected)
    {
        Assert.Equal(expected, Summary($$"""{"model":"m","input":{{input}},"stream":true}"""));
        Assert.Equal(expected, Summary($$"""{"in\u0070ut":{{input}}}"""));
        Assert.Equal(expected, Summary($$"""{"input":{{input}},"input":"hi"}"""));
    }

    [Theory]
    [InlineData("\"tools\"")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"type":"additional_tools","tools":[{"type":"mcp"}]}""")]
    [InlineData("""{"x":{"tools":[{"type":"mcp"}]}}""")]
    [InlineData("""["tools",[{"type":"mcp"}],{"type":"mcp"}]""")]
    [InlineData("""[[{"tools":[{"type":"mcp"}]}]]""")]
    [InlineData("""[{"content":[{"tools":[{"type":"mcp"}]}]}]""")]
    [InlineData("""[{"content":{"tools":[{"type":"mcp"}]},"output":[{"x":{"tools":[{"type":"mcp"}]}}]}]""")]
    [InlineData("""[{"type":"tools","content":"tools"}]""")]
    [InlineData("""[{"Tools":[{"type":"mcp"}],"tool":[{"type":"mcp"}],"plugins":[{"id":"web"}]}]""")]
    public void OtherPlacesInInput_AreNotSearched(string input)
    {
        Assert.Equal("", Summary($$"""{"model":"m","input":{{input}}}"""));
        Assert.Same(ServerToolFacts.None, BodyScan.Facts($$"""{"input":{{input}}}""").ServerTools);
    }

    [Theory]
    [InlineData("messages")]
    [InlineData("documents")]
    [InlineData("fallbacks")]
    [InlineData("inputs")]
    public void OtherMembers_AreNotSearched(string name) =>
        Assert.Equal("", Summary($$"""{"model":"m","{{name}}":[{"tools":[{"type":"mcp"}],"model":"x"}]}"""));

    [Fact]
    public void ToolsOfAllMembers_AreFoundInTheirOrder() => Assert.Equal(
        "mcp, shell, plugin:web, openrouter:advisor a/b, web_search",
        Summary(
            """
            {"tools":[{"type":"function"}, {"type":"mcp"}],
             "input":[{"tools":[{"type":"shell"}]}],
             "plugins":[{"id":"web"}],
             "input":[{"role":"user"},{"tools":[{"type":"openrouter:advisor","parameters":{"model":"a/b"}}]}],
             "tools":[{"type":"web_search"} , {"type":"function"}]}
            """));

    [Fact]
    public void OnlyElementsOfTools_CanBeRemoved()
    {
        var tools = BodyScan.Facts("""{"input":[{"tools":[{"type":"mcp"}]}],"tools":[{"x":1},{"type":"shell"}]}""").ServerTools;

        Assert.Equal([("mcp", -1), ("shell", 0)], tools.Uses.Select(use => (use.Name, use.Element)));
        Assert.Equal([new ToolList(1, 2)], tools.Lists);
        Assert.Equal((0, 1), tools.Elements.Select(element => (element.List, element.Index)).Single());
    }

    [Fact]
    public void FactsAboutThePrompt_AreThoseOfAnItemWithoutTools()
    {
        var data = new string('A', 400);
        var parts = $$"""[{"type":"input_image","image_url":"data:image/png;base64,{{data}}"},{"type":"input_file","file_data":"{{data}}"}]""";
        var plain = Prompt($$"""{"input":[{"role":"user","content":{{parts}}},{"xools":[{"type":"mcp","name":"{{data}}"}]}]}""");
        var tools = Prompt($$"""{"input":[{"role":"user","content":{{parts}}},{"tools":[{"type":"mcp","name":"{{data}}"}]}]}""");

        Assert.NotEmpty(plain.LongStrings!);
        Assert.Equal(plain.LongStrings, tools.LongStrings);
        Assert.Equal(plain with { LongStrings = null }, tools with { LongStrings = null });

        static PromptFacts Prompt(string body) => BodyScan.Facts(body).Prompt;
    }

    [Theory]
    [InlineData("more than 1024 server tools")]
    [InlineData("tools nested more than 16 deep")]
    [InlineData("a model name of more than 512 bytes")]
    public void HostileTools_AreAFaultOfInput(string problem)
    {
        var tools = problem switch
        {
            "more than 1024 server tools" => string.Join(',', Enumerable.Repeat("""{"type":"mcp"}""", RoutingMemberCollector.MaxEntries + 1)),
            "a model name of more than 512 bytes" => $$"""{"type":"mcp","model":"{{new string('m', 600)}}"}""",
            _ => string.Concat(Enumerable.Repeat("""{"type":"namespace","tools":[""", 20)) + string.Concat(Enumerable.Repeat("]}", 20)),
        };

        var fault = BodyScan.FaultOf(Encoding.UTF8.GetBytes($$"""{"model":"m","input":[{"tools":[{{tools}}]}]}"""));

        Assert.Equal(new BodyFault(13, problem), fault);
    }

    [Theory]
    [InlineData("""{"input":[{"tools":}]}""")]
    [InlineData("""{"input":[{"tools"}]}""")]
    [InlineData("""{"input":[{"tools":nul}]}""")]
    [InlineData("""{"input":[{"tools":[}]}""")]
    [InlineData("""{"input":[{"tools":[{"type":"mcp"}]]}""")]
    [InlineData("""{"input":[{"tools":[{"type":"mcp"}],}]}""")]
    public void BrokenJson_IsAFault(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);

        Assert.StartsWith("fault", BodyScan.EveryWay(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void LongConversation_CostsNoMemoryOfItsLength()
    {
        var text = string.Concat(Enumerable.Repeat("a text of words ", 250));
        var items = string.Join(',', Enumerable.Repeat($$"""{"type":"message","role":"user","content":"{{text}}"}""", 500));
        var body = Encoding.UTF8.GetBytes($$"""{"input":[{{items}}]}""");

        Assert.InRange(Allocations.Least(Scan), 0, 4096);

        void Scan()
        {
            using var scanner = new BodyScanner();
            Assert.True(scanner.Scan(body));
        }
    }

    private static string Summary(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        BodyScan.EveryWay(bytes);
        var tools = BodyScan.Facts(bytes).ServerTools;
        Assert.Equal(ToolsFromJson.Describe(bytes), BodyScan.Describe(tools));
        return string.Join(", ", tools.Uses.Select(
            use => string.Join(" ", [use.Name, .. use.Models, .. use.NamesAnyModel ? (string[])["*"] : []])));
    }
}
