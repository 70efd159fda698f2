using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.RequestBody.Tools;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>Promise: every preset and variant of a model name is judged, and a name costs a bounded number of records.</summary>
public sealed class RequestedModelsTests
{
    private static readonly string[] Parts = ["@preset/", "@preset/", "@PRESET/", "@preset", "/", "a", " b ", ":online", ":free", "~", "@", "x/y"];

    [Fact]
    public void GeneratedNames_HaveTheRecordsOfASimpleModel()
    {
        var random = new TestRandom(20261128);
        for (var i = 0; i < 20_000; i++)
        {
            var names = Enumerable.Range(0, 1 + random.Next(3)).Select(_ => Name(random)).ToArray();
            var found = Create(names).Tools.Select(static tool => (tool.Name, tool.NamesAnyModel));

            Assert.True(names.SelectMany(Expected).SequenceEqual(found), $"{i}: {string.Join(" | ", names)} -> {string.Join(" | ", found)}");
        }
    }

    [Theory]
    [InlineData(1, 50)]
    [InlineData(1000, 5)]
    [InlineData(1000, 50)]
    public void RepeatedPresets_CostABoundedNumberOfRecords(int names, int presets)
    {
        var name = "m" + string.Concat(Enumerable.Repeat("@preset/a", presets));

        var requested = Create([.. Enumerable.Repeat(name, names)]);

        Assert.InRange(requested.Tools.Count, 1, RequestedModels.MaxPresets + names);
        Assert.Contains(RequestedModels.Any, requested.All);
    }

    [Theory]
    [InlineData("openrouter/fusion")]
    [InlineData("openrouter/Fusion-flash:nitro")]
    public void FusionInAServerTool_NamesAnyModel(string model)
    {
        var requested = Create(
            ["openai/gpt-4o-mini"], $$$""","tools":[{"type":"openrouter:advisor","parameters":{"model":"{{{model}}}"}}] """);

        Assert.Contains(RequestedModels.Any, requested.Ordinary);
        Assert.Contains(model, requested.Ordinary);
    }

    [Fact]
    public void PresetMember_CountsOnceWhateverItHolds()
    {
        var presets = string.Concat(Enumerable.Repeat("a@preset/", 50));
        var requested = Create([], $$""","preset":"{{presets}}","preset":"x@preset/y" """);

        Assert.Equal(2, requested.Tools.Count);
        Assert.All(requested.Tools, tool => Assert.True(tool is { Name: "preset:(unknown)", NamesAnyModel: true }));
    }

    private static IEnumerable<(string Name, bool NamesAny)> Expected(string name)
    {
        if (name.Split(':').Skip(1).Any(part => part.Split('@')[0].Trim() == "online"))
        {
            yield return ("plugin:web", false);
        }

        var slugs = Regex.Split(name, "@preset/", RegexOptions.IgnoreCase).Skip(1).Select(slug => slug.Trim()).ToArray();
        foreach (var slug in slugs.Length > ModelSpellings.MaxPresets ? [] : slugs)
        {
            yield return ("preset:" + slug, false);
        }

        if (slugs.Length > ModelSpellings.MaxPresets)
        {
            yield return ("preset:" + ServerToolUse.Unknown, true);
        }
    }

    private static string Name(TestRandom random)
    {
        var name = new StringBuilder();
        for (var i = random.Next(30); i > 0; i--)
        {
            name.Append(Parts[random.Next(Parts.Length)]);
        }

        return name.ToString();
    }

    private static RequestedModels Create(string[] names, string members = "") => RequestedModels.Create(
        names,
        BodyScan.Facts($$"""{"models":[{{string.Join(',', names.Select(static name => JsonSerializer.Serialize(name)))}}]{{members}}}"""));
}
