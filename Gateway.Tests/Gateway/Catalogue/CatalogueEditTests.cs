using System.Buffers;
using System.Text;
using System.Text.Json;
using Gateway.Catalogue;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Gateway.Catalogue;

/// <summary>Promise: entries that stay in a list of models keep their bytes; everything else goes with its comma.</summary>
public sealed class CatalogueEditTests
{
    private const string Odd = """{ "x" : 1.50, "id" :"b/2", "name": "\u0062", "n": {"id":"a/1"} }""";

    [Theory]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""", "a/1 b/2 c/3", """{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""", "a/1", """{"data":[{"id":"a/1"}]}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""", "b/2", """{"data":[{"id":"b/2"}]}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""", "c/3", """{"data":[{"id":"c/3"}]}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""", "a/1 c/3", """{"data":[{"id":"a/1"},{"id":"c/3"}]}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"},{"id":"c/3"}]}""", "", """{"data":[]}""")]
    [InlineData("""{"data":[ ]}""", "a/1", """{"data":[ ]}""")]
    [InlineData("""{"data":[ {"id":"a/1"} ,""" + Odd + """, {"id":"c/3"}]}""", "b/2 c/3", """{"data":[ """ + Odd + """, {"id":"c/3"}]}""")]
    [InlineData("""{"total_count":2,"data":[{"id":"a/1"},{"id":"b/2"}]}""", "b/2", """{"total_count":1,"data":[{"id":"b/2"}]}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"b/2"}],"total_count":99,"more":[1]}""", "b/2", """{"data":[{"id":"b/2"}],"total_count":1,"more":[1]}""")]
    public void EntriesThatMayNotBeCalled_GoWithTheirCommas(string json, string allowed, string expected) =>
        Assert.Equal(expected, Edit(json, allowed: allowed.Split(' ')));

    [Theory]
    [InlineData("""{"data":[{"id":"a/1"},5,"x",null,[{"id":"a/1"}],{"name":"a/1"},{"id":1},{"id":"z","id":"a/1"},{"\u0069d":"a/1"}]}""", """{"data":[{"id":"a/1"},{"\u0069d":"a/1"}]}""")]
    public void EntryThatNamesNotExactlyOneModel_Goes(string json, string expected) => Assert.Equal(expected, Edit(json, allowed: ["a/1"]));

    [Theory]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"x\ud800"},{"id":"\udc00"},{"id":"a/1\ud800"}],"total_count":4}""", """{"data":[{"id":"a/1"}],"total_count":1}""")]
    [InlineData("""{"data":[{"id":"a/1"},{"id":"x","id":"\ud800"},{"id":"b/2"}]}""", """{"data":[{"id":"a/1"}]}""")]
    [InlineData("""{"data":[{"\ud800":1,"id":"a/1","\udc00d":"b/2"},{"\ud800":"a/1"}]}""", """{"data":[{"\ud800":1,"id":"a/1","\udc00d":"b/2"}]}""")]
    [InlineData("""{"\ud800":1,"data":[{"id":"b/2"}],"links":{"\ud800":1}}""", """{"\ud800":1,"data":[],"links":{"\ud800":1}}""")]
    public void HalfASurrogatePair_LosesItsEntryOnly(string json, string expected) =>
        Assert.Equal(expected, Edit(json, name => name != "b/2"));

    [Fact]
    public void NameThatIsNoUtf8_IsNone()
    {
        byte[] json = [.. "{\"data\":[{\"id\":\"a/1\"},{\"id\":\"x"u8, 0xff, .. "\"}]}"u8];

        Assert.Equal(["a/1", null], CatalogueDocument.Read(json, "id")!.Entries.Select(static entry => entry.Name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"data":{}}""")]
    [InlineData("""{"data":[{"id":"a/1"}""")]
    [InlineData("""{"data":[{"id":"a/1"}]""")]
    [InlineData("""{"data":[{"id":"a/1"}]}x""")]
    [InlineData("""{"data":[{"id":"a/1"}],"data":[{"id":"b/2"}]}""")]
    [InlineData("""{"data":[],"total_count":1,"total_count":2}""")]
    [InlineData("<rss></rss>")]
    public void AnythingElse_IsUnreadable(string json) => Assert.Null(CatalogueDocument.Read(Encoding.UTF8.GetBytes(json), "id"));

    [Theory]

    // A copy of the target's entry after the others.
    [InlineData("""[{ "Model": "smart", "Use": "b/2" }]""", "a/1 b/2 smart", """{"data":[{"id":"a/1"},{"n":2, "id" : "b/2" },{"n":2, "id" : "smart" }],"total_count":3}""")]
    [InlineData("""[{ "Model": "smart", "Use": "b/2" }]""", "smart", """{"data":[{"n":2, "id" : "smart" }],"total_count":1}""")]
    [InlineData("""[{ "Model": "smart", "Use": "b/2" }]""", "a/1", """{"data":[{"id":"a/1"}],"total_count":1}""")]
    [InlineData("""[{ "Model": "a\"1", "Use": "a/1" }]""", "a\"1", """{"data":[{"id":"a\"1"}],"total_count":1}""")]

    // It takes the place of upstream's own entry of that name.
    [InlineData("""[{ "Model": "A/1", "Use": "b/2" }]""", "a/1 A/1 b/2", """{"data":[{"n":2, "id" : "b/2" },{"n":2, "id" : "A/1" }],"total_count":2}""")]

    // An alias that only adds fallbacks, one without a known target, and patterns add nothing.
    [InlineData("""[{ "Model": "a/1", "Use": "a/1", "Fallbacks": ["b/2"] }]""", "a/1", """{"data":[{"id":"a/1"}],"total_count":1}""")]
    [InlineData("""[{ "Model": "a/1", "Use": "x/y" }]""", "a/1", """{"data":[{"id":"a/1"}],"total_count":1}""")]
    [InlineData("""[{ "Model": "a*", "Use": "b/2" }]""", "a/1 a*", """{"data":[{"id":"a/1"}],"total_count":1}""")]

    // The first alias that matches decides. A variant without an entry has its model's.
    [InlineData("""[{ "Model": "sm*", "Use": "a/1" }, { "Model": "smart", "Use": "b/2" }]""", "smart", """{"data":[{"id":"smart"}],"total_count":1}""")]
    [InlineData("""[{ "Model": "smart", "Use": "a/1" }, { "Model": "SMART", "Use": "b/2" }]""", "smart", """{"data":[{"id":"smart"}],"total_count":1}""")]
    [InlineData("""[{ "Model": "fast", "Use": "a/1:nitro" }]""", "fast", """{"data":[{"id":"fast"}],"total_count":1}""")]
    public void ExactAliases_AreCopiesOfTheirTargets(string aliases, string allowed, string expected) =>
        Assert.Equal(expected, Edit("""{"data":[{"id":"a/1"},{"n":2, "id" : "b/2" }],"total_count":2}""", aliases, allowed.Split(' ')));

    [Theory]
    [InlineData(0, 2, """{"data":[{"id":"a"},{"id":"c"}],"total_count":4,"links":{"next":"/next"}}""")]
    [InlineData(2, 1, """{"data":[{"id":"d"}],"total_count":4,"links":{"next":"/next"}}""")]
    [InlineData(2, 2, """{"data":[{"id":"d"},{"id":"smart"}],"total_count":4,"links":{"next":null}}""")]
    [InlineData(3, 5, """{"data":[{"id":"smart"}],"total_count":4,"links":{"next":null}}""")]
    [InlineData(9, 5, """{"data":[],"total_count":4,"links":{"next":null}}""")]
    public void Page_IsCutFromTheReducedList(int offset, int limit, string expected) => Assert.Equal(
        expected,
        Edit(
            """{"data":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}],"total_count":4,"links":{"next":null}}""",
            """[{ "Model": "smart", "Use": "a" }]""",
            ["a", "c", "d", "smart"],
            new CataloguePage(offset, limit)));

    [Fact]
    public void EveryChoice_IsValidJsonWithItsEntriesToTheByte()
    {
        string[] entries = ["{\"id\":\"0\"}", "{ \"id\": \"1\", \"p\": [ 1 ] }", "{\"id\":\"2\",\"x\":1e3}", "{\t\"id\":\"3\"}"];
        var json = $"{{ \"data\" : [\n  {string.Join(" ,\n  ", entries)}\n ] , \"total_count\" : 4 }}";
        for (var choice = 0; choice < 16; choice++)
        {
            string[] allowed = [.. Enumerable.Range(0, 4).Where(i => (choice & (1 << i)) != 0).Select(i => $"{i}")];

            var edited = Edit(json, """[{ "Model": "alias", "Use": "2" }]""", [.. allowed, "alias"]);

            using var document = JsonDocument.Parse(edited);
            var data = document.RootElement.GetProperty("data");
            Assert.Equal([.. allowed, "alias"], data.EnumerateArray().Select(entry => entry.GetProperty("id").GetString()));
            Assert.Equal(allowed.Length + 1, document.RootElement.GetProperty("total_count").GetInt32());
            Assert.Equal(allowed.Select(id => entries[id[0] - '0']), data.EnumerateArray().SkipLast(1).Select(entry => entry.GetRawText()));
        }
    }

    private static string Edit(string json, string aliases = "[]", string[]? allowed = null, CataloguePage page = default) =>
        Edit(json, name => allowed!.Contains(name), aliases, page);

    private static string Edit(string json, Func<string, bool> mayCall, string aliases = "[]", CataloguePage page = default)
    {
        var team = new Team
        {
            Id = "search",
            Keys = [],
            UpstreamKey = new UpstreamKey("key"),
            Rights = ModelRights.All,
            Limits = TeamLimits.None,
            Rules = ProviderMappingRules.Parse($$"""{ "Aliases": {{aliases}} }"""),
        };
        var bytes = Encoding.UTF8.GetBytes(json);
        var edit = CatalogueEdit.Create(
            CatalogueDocument.Read(bytes, "id")!,
            bytes,
            team,
            mayCall,
            addsAliases: true,
            page,
            () => "/next");
        using var text = new StreamReader(new SplicedStream(new ReadOnlySequence<byte>(bytes), edit.Edits, static () => { }));
        return text.ReadToEnd();
    }
}
