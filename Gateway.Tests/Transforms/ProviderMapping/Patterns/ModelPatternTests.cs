using CsCheck;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Patterns;

public class ModelPatternTests
{
    [Theory]
    [InlineData("openai/gpt-4o", "openai/gpt-4o", true)]
    [InlineData("openai/gpt-4o", "OpenAI/GPT-4o", true)]
    [InlineData("openai/gpt-4o", "openai/gpt-4o-mini", false)]
    [InlineData("openai/gpt-4o", "openai/gpt-4", false)]
    [InlineData("openai/*", "openai/gpt-4o", true)]
    [InlineData("openai/*", "openai/", true)]
    [InlineData("openai/*", "openai", false)]
    [InlineData("openai/*", "x-openai/gpt", false)]
    [InlineData("*:free", "meta/llama:FREE", true)]
    [InlineData("*:free", "meta/llama:free-ish", false)]
    [InlineData("*claude*", "anthropic/claude-3-opus", true)]
    [InlineData("*claude*", "claude", true)]
    [InlineData("*claude*", "clau-de", false)]
    [InlineData("*", "anything", true)]
    [InlineData("*", "", true)]
    [InlineData("**", "", true)]
    [InlineData("***", "x", true)]
    [InlineData("a*", "", false)]
    [InlineData("*anthropic/claude*", "anthropic/claude-3", true)]
    [InlineData("a*b*c", "abc", true)]
    [InlineData("a*b*c", "a-b-b-c", true)]
    [InlineData("a*b*c", "acb", false)]
    [InlineData("ab*ba", "aba", false)]
    [InlineData("ab*ba", "abba", true)]
    [InlineData("*ab*ab*", "abab", true)]
    [InlineData("*ab*ab*", "aba", false)]
    [InlineData("a.c", "abc", false)]
    [InlineData("[a]?", "[a]?", true)]
    [InlineData("É*", "éclair", true)]
    public void Pattern_MatchesByItsStars(string pattern, string name, bool expected) =>
        Assert.Equal(expected, Create(pattern).IsMatch(name));

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData(null)]
    public void EmptyPattern_IsAFault(string? pattern)
    {
        var problems = new List<RuleProblem>();
        Assert.Null(ModelPattern.Create(pattern, "Model", problems));
        Assert.Equal(("Model", false), (Assert.Single(problems).Path, problems[0].IsWarning));
    }

    [Fact]
    public void Pattern_AgreesWithANaiveGlob() =>
        Gen.Select(Text("aAb*/é", 1, 9), Text("aAbB/éÉ", 0, 12))
            .Sample((pattern, name) => Create(pattern).IsMatch(name) == Glob(pattern, name), iter: TestEffort.Times(3_500));

    [Fact]
    public async Task ManyStars_TakeNoExponentialTime()
    {
        var pattern = Create(string.Concat(Enumerable.Repeat("*a", 40)) + "*b");
        var name = new string('a', 20_000);

        // Tried star by star it would not end at all.
        await HangGuard.RunAsync(() => Assert.False(pattern.IsMatch(name)));
    }

    [Fact]
    public void Match_AllocatesNothing()
    {
        var patterns = new[] { Create("openai/gpt-4o"), Create("openai/*"), Create("*claude*"), Create("a*b*c"), Create("*") };

        Assert.Equal(0, Allocations.Least(Match));

        void Match()
        {
            for (var i = 0; i < 100; i++)
            {
                foreach (var pattern in patterns)
                {
                    pattern.IsMatch("anthropic/claude-sonnet-4.5");
                }
            }
        }
    }

    [Theory]
    [InlineData("@preset/*", true)]
    [InlineData("*@PRESET/x", true)]
    [InlineData("*@preset/*", true)]
    [InlineData("@preset*", false)]
    [InlineData("openai/*", false)]
    [InlineData("*", false)]
    public void PresetPattern_IsKnownAsOne(string pattern, bool expected) => Assert.Equal(expected, Create(pattern).MatchesPresetsOnly);

    private static bool Glob(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        if (pattern.IsEmpty)
        {
            return name.IsEmpty;
        }

        return pattern[0] == '*'
            ? Glob(pattern[1..], name) || (!name.IsEmpty && Glob(pattern, name[1..]))
            : !name.IsEmpty && char.ToUpperInvariant(pattern[0]) == char.ToUpperInvariant(name[0]) && Glob(pattern[1..], name[1..]);
    }

    private static Gen<string> Text(string letters, int min, int max) =>
        Gen.Char[letters].Array[min, max].Select(chars => new string(chars));

    private static ModelPattern Create(string pattern) => ModelPattern.Create(pattern, "Model", [])!;
}
