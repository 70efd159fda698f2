using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using Gateway.Tests.Transforms.RequestBody.Tools;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>Promise: server tools are cut out of a body, and stop conditions added, without a change of any other byte.</summary>
public sealed class ServerToolEditTests
{
    private const string Conditions = """{"type":"max_cost","max_cost_in_dollars":0.25},{"type":"step_count_is","step_count":30}""";

    private static readonly int Iterations = TestEffort.Times(5_000);

    [Theory]
    [InlineData("""{"tools":[ {"type":"mcp"} , {"type":"function"} ]}""", """{"tools":[  {"type":"function"} ]}""")]
    [InlineData("""{"tools":[{"type":"function"}, {"type":"mcp"}]}""", """{"tools":[{"type":"function"}]}""")]
    [InlineData("""{"tools":[{"x":1},{"type":"mcp"},{"x":2},{"type":"mcp"} ,{"type":"shell"} ]}""", """{"tools":[{"x":1},{"x":2} ]}""")]
    [InlineData("""{"tools":[{"type":"mcp"},{"type":"mcp"},{"x":1.50}]}""", """{"tools":[{"x":1.50}]}""")]
    [InlineData("""{"model":"m","tools":[{"type":"mcp"}],"tool_choice":"auto","parallel_tool_calls":true,"a":1}""", """{"model":"m","a":1}""")]
    [InlineData("""{"model":"m" , "tools":[{"type":"mcp"}], "tool_choice" : "auto" }""", """{"model":"m"  }""")]
    [InlineData("""{"tool_choice":"none","tools":[{"type":"mcp"}],"model":"m"}""", """{"model":"m"}""")]
    [InlineData("""{"tool_choice":"auto","tools":[{"type":"mcp"}]}""", """{"tools":[]}""")]
    [InlineData("""{"model":"m","tools":[{"type":"mcp"}],"tools":[{"x":1},{"type":"mcp"}]}""", """{"model":"m","tools":[{"x":1}]}""")]
    [InlineData("""{"model":"m","tools":[{"x":1}],"tools":[{"type":"mcp"}]}""", """{"model":"m"}""")]
    [InlineData("""{"tools":[{"type":"namespace","tools":[{"type":"function"},{"type":"mcp"}]},{"x":1}]}""", """{"tools":[{"x":1}]}""")]
    [InlineData("""{"tool_choice":"required","tools":[{"type":"mcp"},{"type":"function"}]}""", """{"tool_choice":"required","tools":[{"type":"function"}]}""")]
    [InlineData(
        """{"tools":[{"type":"openrouter:bash","parameters":{"engine":"openrouter"}},{"type":"bash_20250124"}],"tool_choice":{"type":"bash_20250124"}}""",
        """{"tools":[{"type":"bash_20250124"}],"tool_choice":{"type":"bash_20250124"}}""")]
    [InlineData(
        """{"tool_choice":{"type":"b\u0061sh_1"},"tools":[{"type":"bash_1"},{"type":"openrouter:bash","parameters":{"engine":"x"}}]}""",
        """{"tool_choice":{"type":"b\u0061sh_1"},"tools":[{"type":"bash_1"}]}""")]
    public void Removal_KeepsEveryOtherByte(string body, string expected)
    {
        for (var size = 1; size <= body.Length; size += size < 8 ? 1 : 1000)
        {
            Assert.Equal(expected, Remove(body, size));
        }
    }

    [Theory]
    [InlineData("""{"tools":[{"type":"mcp","server_label":"a"},{"x":1}],"tool_choice":{"type":"mcp"}}""")]
    [InlineData("""{"tools":[{"type":"mcp","server_label":"a"},{"x":1}],"tool_choice":{"type":"x","server_label":"\u0061"}}""")]
    [InlineData("""{"tools":[{"type":"code_execution_1","name":"code"},{"x":1}],"tool_choice":{"type":"tool","name":"code"}}""")]
    [InlineData("""{"tools":[{"type":"mcp"},{"x":1}],"tool_choice":{"type":"allowed_tools","tools":[{"type":"mcp"}]}}""")]
    [InlineData("""{"tools":[{"type":"code_execution_20250825"},{"x":1}],"tool_choice":{"type":"openrouter:code_execution"}}""")]
    [InlineData("""{"tools":[{"type":"openrouter:code_execution"},{"x":1}],"tool_choice":{"type":"code_execution_preview_2025_03_11"}}""")]
    [InlineData("""{"tools":[{"type":"code_execution_preview"},{"x":1}],"tool_choice":{"type":"allowed_tools","tools":[{"type":"code_execution"}]}}""")]
    [InlineData("""{"tools":[{"type":"mcp"}],"tool_choice":"required"}""")]
    [InlineData(
        """
        {"tools":[{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"},{"type":"mcp"}]},{"x":1}],
         "tool_choice":{"type":"function","name":"f"}}
        """)]
    [InlineData("""{"tools":[{"type":"mcp"}],"tool_choice":{"type":"any"}}""")]
    [InlineData("""{"tools":[{"type":"mcp"},{"x":1}],"tool_choice":"mcp","tool_choice":"auto"}""")]
    [InlineData("""{"plugins":[{"id":"new"}]}""")]
    [InlineData("""{"tools":{"type":"mcp"}}""")]
    [InlineData("""{"mcp_servers":[{}],"tools":[{"type":"mcp"}]}""")]
    [InlineData("""{"input":[{"type":"additional_tools","tools":[{"type":"mcp"},{"type":"function"}]}]}""")]
    [InlineData("""{"tools":[{"type":"mcp"},{"x":1}],"input":[{"tools":[{"type":"mcp"}]}]}""")]
    public void NeededTool_IsNotRemoved(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var facts = BodyScan.Facts(bytes);

        Assert.False(ServerToolRemoval.TryCreate(facts, new(bytes), facts.ServerTools.Uses, out var removal, out var needed));
        Assert.Null(removal);
        Assert.Contains(needed, facts.ServerTools.Uses);
    }

    [Fact]
    public void NeededTool_IsTheOneThatIsNamed()
    {
        var bytes = """{"tools":[{"type":"mcp"},{"type":"web_fetch"},{"x":1}],"tool_choice":{"type":"web_fetch"}}"""u8.ToArray();
        var facts = BodyScan.Facts(bytes);

        Assert.False(ServerToolRemoval.TryCreate(facts, new(bytes), facts.ServerTools.Uses, out _, out var needed));
        Assert.Equal("web_fetch", needed.Name);
    }

    [Theory]
    [InlineData(65_536, 4_000, true)]
    [InlineData(65_537, 4_000, false)]
    [InlineData(65_536, 5_000, false)]
    public void ToolChoiceOfUnusualSize_NeedsTheTool(int choiceLength, int names, bool isRemoved)
    {
        var choice = new string('c', choiceLength - 2);
        var element = string.Concat(Enumerable.Range(0, names).Select(i => $",\"name\":\"n{i}\""));
        var bytes = Encoding.UTF8.GetBytes($$"""{"tools":[{"type":"mcp"{{element}}},{"x":1}],"tool_choice":"{{choice}}"}""");
        var facts = BodyScan.Facts(bytes);

        Assert.Equal(isRemoved, ServerToolRemoval.TryCreate(facts, new(bytes), facts.ServerTools.Uses, out _, out _));
    }

    [Theory]
    [InlineData(
        """{"tools":[{"type":"namespace","tools":[{"type":"mcp"},{"type":"shell"}]},{"x":1}],"tool_choice":{"type":"shell"}}""", "shell")]
    [InlineData("""{"tools":[{"type":"mcp","name":"n"},{"type":"shell","name":"n"},{"x":1}],"tool_choice":"n"}""", "mcp")]
    [InlineData("""{"tools":[{"type":"mcp"},{"type":"shell"},{"x":1}],"tool_choice":["shell","mcp"]}""", "mcp")]
    [InlineData("""{"tools":[{"type":"mcp"},{"type":"shell"},{"x":1}],"tool_choice":"shell","tool_choice":"mcp"}""", "mcp")]
    [InlineData("""{"tools":[{"type":"mcp"},{"type":"shell"}],"tool_choice":"required","tool_choice":"shell"}""", "shell")]
    [InlineData("""{"tools":[{"type":"mcp"},{"type":"shell"}],"tool_choice":"required"}""", "mcp")]
    [InlineData("""{"tools":[{"type":"mcp"},{"type":"namespace","name":"\u006e","tools":[{"type":"shell"}]},{"x":1}],"tool_choice":"n"}""", "shell")]
    public void NeededTool_IsTheFirstOfThoseThatAreNamed(string body, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var facts = BodyScan.Facts(bytes);

        for (var size = 1; size <= bytes.Length; size += size < 8 ? 1 : 1000)
        {
            Assert.False(ServerToolRemoval.TryCreate(
                facts, SegmentedSequence.Create(bytes, size), facts.ServerTools.Uses, out _, out var needed));
            Assert.Equal(expected, needed.Name);
        }
    }

    [Theory]
    [InlineData("a tool in each element", 4 * (100 + 100))]
    [InlineData("all tools in one element", 4 * (1 + 100))]
    public void ManyToolsAndChoices_AreReadOnceEach(string shape, int mostReads)
    {
        var tools = string.Join(',', Enumerable.Repeat("""{"type":"mcp"}""", 100));
        var elements = shape == "a tool in each element" ? tools : $$"""{"type":"namespace","name":"n","tools":[{{tools}}]}""";
        var choices = string.Concat(Enumerable.Repeat(""","tool_choice":["a","b"]""", 99));
        var bytes = Encoding.UTF8.GetBytes($$"""{"tools":[{{elements}}]{{choices}},"tool_choice":"required"}""");
        var facts = BodyScan.Facts(bytes);
        using var body = new CountedMemory(bytes);

        Assert.Equal(100, facts.ServerTools.Uses.Count);
        Assert.False(ServerToolRemoval.TryCreate(facts, body.Sequence, facts.ServerTools.Uses, out _, out var needed));
        Assert.Same(facts.ServerTools.Uses[0], needed);
        Assert.InRange(body.Reads, 1, mostReads);
    }

    [Theory]
    [InlineData("""{"model":"m"}""", """{"model":"m","stop_server_tools_when":[CONDITIONS]}""")]
    [InlineData("""{"stop_server_tools_when":null,"a":1}""", """{"stop_server_tools_when":[CONDITIONS],"a":1}""")]
    [InlineData("""{"stop_server_tools_when" : [ ] }""", """{"stop_server_tools_when" : [ CONDITIONS] }""")]
    [InlineData("""{"stop_server_tools_when":[{"type":"max_cost","max_cost_in_dollars":9} ]}""", """{"stop_server_tools_when":[{"type":"max_cost","max_cost_in_dollars":9} ,CONDITIONS]}""")]
    [InlineData("""{"stop_server_tools_when":[1],"stop_server_tools_when":[2]}""", """{"stop_server_tools_when":[2,CONDITIONS]}""")]
    [InlineData("""{"stop_server_tools_when":{"type":"x"}}""", """{"stop_server_tools_when":[{"type":"x"},CONDITIONS]}""")]
    [InlineData("""{"stop_server_tools_when":7 ,"a":1}""", """{"stop_server_tools_when":[7,CONDITIONS] ,"a":1}""")]
    [InlineData("""{"max_tool_calls":5}""", """{"max_tool_calls":5,"stop_server_tools_when":[FIVE]}""")]
    [InlineData("""{"max_tool_calls":1,"max_tool_calls":5.9}""", """{"max_tool_calls":1,"max_tool_calls":5.9,"stop_server_tools_when":[FIVE]}""")]
    [InlineData("""{"max_tool_calls":1e9}""", """{"max_tool_calls":1e9,"stop_server_tools_when":[CONDITIONS]}""")]
    [InlineData("""{"max_tool_calls":"5"}""", """{"max_tool_calls":"5","stop_server_tools_when":[CONDITIONS]}""")]
    public void StopConditions_AreAdded(string body, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var sent = FactsFromJson.Apply(bytes, StopCondition.Add(BodyScan.Facts(bytes), new(bytes), "0.25"));

        Assert.Equal(
            expected.Replace("CONDITIONS", Conditions, StringComparison.Ordinal)
                .Replace("FIVE", Conditions.Replace("30", "5", StringComparison.Ordinal), StringComparison.Ordinal),
            Encoding.UTF8.GetString(sent));
    }

    [Theory]
    [InlineData("""{"type":"step_count_is","step_count":5}""")]
    [InlineData("\"x\"")]
    [InlineData("7")]
    [InlineData("[]")]
    [InlineData("null")]
    public void StopConditionAtTheEndOfTheBody_StandsBeforeTheFallbacksOfAnAlias(string stop)
    {
        var body = Encoding.UTF8.GetBytes(
            $$"""{"model":"gpt-4o","messages":[],"tools":[{"type":"openrouter:web_search"}],"stop_server_tools_when":{{stop}}}""");

        var decision = RuleSet.Aliases(RuleSet.Alias("gpt-4o", "openai/gpt-4o", "x/y")).Decide(
            BodyScan.Facts(body),
            new(body),
            RequestEndpoint.Generation,
            static (_, request) => new RequestReview(null, ToolEdits: StopCondition.Add(request.Facts, request.Body, "0.25")),
            0);
        using var sent = JsonDocument.Parse(FactsFromJson.Apply(body, decision.Edits));

        Assert.Equal("openai/gpt-4o", sent.RootElement.GetProperty("model").GetString());
        Assert.Equal("""["x/y"]""", sent.RootElement.GetProperty("models").GetRawText());
        var conditions = sent.RootElement.GetProperty("stop_server_tools_when");
        Assert.EndsWith(Conditions + "]", conditions.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(stop is "[]" or "null" ? 2 : 3, conditions.GetArrayLength());
    }

    [Fact]
    public void GeneratedBodies_AreEditedAsByAParserThatWritesThemAnew()
    {
        var seed = TestEffort.Seed(20261128);
        var random = new TestRandom(seed);
        var rules = RuleSet.Set(RuleSet.Rule("*", """{"order":["A"]}"""));
        var (removed, kept) = (0, 0);
        for (var i = 0; i < Iterations; i++)
        {
            var text = RandomTools.Body(random);
            var body = Encoding.UTF8.GetBytes(text);
            var facts = BodyScan.Facts(body);
            var tools = facts.ServerTools.Uses.Where(tool => tool.Element >= 0 && random.Next(3) > 0).ToArray();
            if (tools.Length == 0)
            {
                continue;
            }

            var pieces = SegmentedSequence.Create(body, 1 + random.Next(body.Length));
            var isRemoved = ServerToolRemoval.TryCreate(facts, pieces, tools, out var removal, out var needed);
            Assert.True(
                ServerToolRemoval.TryCreate(facts, new(body), tools, out _, out var neededOfWhole) == isRemoved && needed == neededOfWhole,
                $"seed {seed}, iteration {i}: segments decide about {text}");
            if (!isRemoved)
            {
                kept++;
                continue;
            }

            removed++;
            var decision = rules.Decide(
                facts,
                pieces,
                RequestEndpoint.Generation,
                static (state, request) => new RequestReview(
                    null, Removal: state, ToolEdits: StopCondition.Add(request.Facts, request.Body, "0.25")),
                removal);
            var sent = FactsFromJson.Apply(body, decision.Edits);

            var cut = tools.Select(tool => facts.ServerTools.Elements[tool.Element].Value.Start).ToHashSet();
            Assert.True(
                Compact(sent) == Expected(body, cut),
                $"seed {seed}, iteration {i}\nbody     {text}\nsent     {Compact(sent)}\nexpected {Expected(body, cut)}");
        }

        Assert.InRange(removed, Iterations / 20, Iterations);
        Assert.InRange(kept, Iterations / 1000, Iterations);
    }

    private static string Remove(string body, int segmentSize)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var facts = BodyScan.Facts(bytes);
        Assert.True(ServerToolRemoval.TryCreate(
            facts, SegmentedSequence.Create(bytes, segmentSize), facts.ServerTools.Uses, out var removal, out _));
        return Encoding.UTF8.GetString(FactsFromJson.Apply(bytes, removal.Edits));
    }

    private static string Compact(byte[] json) => Encoding.UTF8.GetString(JsonText.Compact(json));

    /// <summary>The body written anew: without the elements that begin at <paramref name="cut"/>, with stop conditions and a provider.</summary>
    private static string Expected(byte[] body, HashSet<int> cut)
    {
        var members = JsonMember.ReadAll(body);
        var last = members.FindLastIndex(member => member.Name == "tools");
        var isEmptied = last >= 0 && members[last].Kind == JsonValueKind.Array && Kept(members[last]) is { Total: > 0, Left.Count: 0 };
        var stop = members.FindLastIndex(member => member.Name == "stop_server_tools_when");
        var steps = members.FindLast(member => member.Name == "max_tool_calls") is { Kind: JsonValueKind.Number } limit
            ? Math.Clamp((int)decimal.Parse(Raw(limit), CultureInfo.InvariantCulture), 1, 30)
            : 30;
        var conditions = Conditions.Replace(":30}", string.Create(CultureInfo.InvariantCulture, $":{steps}}}"), StringComparison.Ordinal);
        var written = new List<string>();
        for (var i = 0; i < members.Count; i++)
        {
            var member = members[i];
            switch (member.Name)
            {
                case "tools" or "tool_choice" or "parallel_tool_calls" when isEmptied:
                    break;
                case "tools" when member.Kind == JsonValueKind.Array:
                    var kept = Kept(member);
                    if (kept.Left.Count > 0 || kept.Total == 0)
                    {
                        written.Add($"{Key(member)}:[{string.Join(',', kept.Left)}]");
                    }

                    break;
                case "stop_server_tools_when" when i < stop:
                    break;
                case "stop_server_tools_when":
                    var value = Raw(member);
                    written.Add(Key(member) + ":" + (member.Kind == JsonValueKind.Null ? $"[{conditions}]"
                        : member.Kind != JsonValueKind.Array ? $"[{value},{conditions}]"
                        : value == "[]" ? $"[{conditions}]" : $"{value[..^1]},{conditions}]"));
                    break;
                default:
                    written.Add($"{Key(member)}:{Raw(member)}");
                    break;
            }
        }

        if (written.Count == 0)
        {
            written.Add("\"tools\":[]");
        }

        if (stop < 0)
        {
            written.Add($"\"stop_server_tools_when\":[{conditions}]");
        }

        return $"{{{string.Join(',', written)},\"provider\":{{\"order\":[\"A\"]}}}}";

        string Key(JsonMember member) => Encoding.UTF8.GetString(body.AsSpan(member.Start, member.KeyEnd - member.Start));

        string Raw(JsonMember member) => Compact(body[member.ValueStart..member.ValueEnd]);

        (int Total, List<string> Left) Kept(JsonMember member)
        {
            var left = new List<string>();
            var total = 0;
            var reader = new Utf8JsonReader(body.AsSpan(member.ValueStart, member.ValueEnd - member.ValueStart));
            reader.Read();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var from = member.ValueStart + (int)reader.TokenStartIndex;
                reader.Skip();
                total++;
                if (!cut.Contains(from))
                {
                    left.Add(Compact(body[from..(member.ValueStart + (int)reader.BytesConsumed)]));
                }
            }

            return (total, left);
        }
    }
}
