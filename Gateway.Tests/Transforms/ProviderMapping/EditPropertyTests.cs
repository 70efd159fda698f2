using System.Text;
using System.Text.Json;
using CsCheck;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

public class EditPropertyTests
{
    private static readonly string[] Blank = ["", "", " ", "\n\t"];

    private static readonly Gen<string> Block = Gen.OneOf(
        "{}", "{ }", "null", """{"only":["a","b"]}""", """{ "only" : ["b"] , "only":["a"] }""", """{"order":["x"]}""",
        """{"x":1,"order":["x"] }""", """{"order":["x"],"x":{"y":[1.50]}}""", """{"zdr":null,"order":["a","x"]}""",
        """{"z\u0064r":false,"\ud800":"\udfff"}""", """{"max_price":{"prompt":"9"}, "zdr":true,"max_price":{"prompt":0.10}}""");

    private static readonly Gen<string> Member = Gen.Frequency(
        (3, Gen.Select(Block, block => $"\"provider\":{block}")),
        (1, Gen.Select(Block, block => $"\"provider\" : {block}")),
        (1, Gen.Select(Block, block => $"\"pr\\u006fvider\":{block}")),
        (4, Gen.OneOf(
            "\"model\":\"m\"", "\"model\" :\"gpt\"", "\"model\":null", "\"models\":[\"gpt\", \"x\"]", "\"models\":null",
            "\"fallbacks\":null")),
        (1, Gen.OneOf("\"fallbacks\":[{\"model\":\"gpt\"}]", "\"preset\":\"p\"", "\"preset\":null")),
        (4, Gen.OneOf(
            "\"n\":1.50e+00", "\"s\":\"{\\\"provider\\\":{}}\"",
            "\"messages\":[{\"provider\":{\"model\":\"gpt\"}}]", "\"é\":\"é\\ud800\"")));

    private static readonly Gen<string> Body = Gen.Select(
        Gen.Select(Gen.OneOf(Blank), Member, Gen.OneOf(Blank)).Array[0, 7],
        Gen.OneOf(Blank),
        (members, blank) => $"{{{blank}{string.Join(",", members.Select(part => part.Item1 + part.Item2 + part.Item3))}}}{blank}");

    private static readonly ProviderRule[] Rules =
    [
        Rule("*", """{"sort":"price"}"""),
        Fill("*", """{"zdr":true,"only":["a"],"x":2}"""),
        Enforce("*", """{"only":["a","c"],"zdr":true}"""),
        Enforce("*", """{"order":["c"],"max_price":{"prompt":1}}"""),
        Enforce("m", """{"ignore":["x"]}"""),
    ];

    private static readonly ModelAlias[] Aliases = [Alias("gpt", "openai/gpt"), Alias("m", "meta/m", "f", "g")];

    [Fact]
    public void Edits_LeaveValidJsonWithOneProviderAndEveryOtherByte() =>
        Gen.Select(Body, Gen.Shuffle(Rules, 0, 4), Gen.Shuffle(Aliases, 0, 2), Gen.Enum<RequestEndpoint>()).Sample(
            (body, rules, aliases, endpoint) =>
            {
                var result = new ProviderMappingRules(rules, aliases).Decide(body, endpoint);
                using var parsed = JsonDocument.Parse(result.Body);
                var before = Members(body);
                var after = Members(result.Body);
                if (result.IsUntouched)
                {
                    Assert.Equal(body, result.Body);
                    return;
                }

                var providers = before.Where(member => member.Name == "provider").ToList();
                var sentProviders = after.Where(member => member.Name == "provider").ToList();
                if (!providers.SequenceEqual(sentProviders))
                {
                    Assert.Single(sentProviders);
                    var names = JsonMember.ReadAll(Encoding.UTF8.GetBytes(sentProviders[0].Value)).Select(member => member.Name).ToList();
                    Assert.Equal(names.Distinct(), names);
                }

                Assert.Equal(Others(before), Others(after));
                if (aliases.Length == 0)
                {
                    Assert.Equal(before.Where(member => member.Name != "provider"), after.Where(member => member.Name != "provider"));
                }
                else if (!Values(before, "model").SequenceEqual(Values(after, "model")))
                {
                    Assert.Single(Values(after, "model"));
                }
            },
            iter: TestEffort.Times(500));

    private static IEnumerable<string> Values(List<(string Name, string Key, string Value)> members, string name) =>
        members.Where(member => member.Name == name).Select(member => member.Value);

    private static IEnumerable<(string Name, string Key, string Value)> Others(List<(string Name, string Key, string Value)> members) =>
        members.Where(member => member.Name is not ("provider" or "model" or "models" or "fallbacks"));

    private static List<(string Name, string Key, string Value)> Members(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json.Trim());
        return
        [
            .. JsonMember.ReadAll(bytes).Select(member => (
                member.Name,
                Encoding.UTF8.GetString(bytes.AsSpan(member.Start, member.KeyEnd - member.Start)),
                Encoding.UTF8.GetString(bytes.AsSpan(member.ValueStart, member.ValueEnd - member.ValueStart)))),
        ];
    }
}
