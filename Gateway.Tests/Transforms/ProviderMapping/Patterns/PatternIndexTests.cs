using CsCheck;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Patterns;

public class PatternIndexTests
{
    // Everything that has cases of its own, or looks as if it had: the Kelvin sign, the long s, both Turkish i, sharp s, a pair of
    // Deseret letters and the halves of pairs; beside plain letters, so that names and patterns meet often.
    private static readonly string[] Letters =
    [
        "a", "A", "b", "B", "a", "/", "-", ":", "@", "~", " ", "k", "K", "\u212A", "s", "S", "\u017F", "i", "I", "\u0130", "\u0131",
        "\u00DF", "\u1E9E", "\u00E9", "\u00C9", "\u03C3", "\u03C2", "\U0001F600", "\U00010400", "\U00010428", "\uD83D", "\uDE00", "\uD801",
    ];

    private static readonly Gen<string> Letter = Gen.Frequency((2, Gen.OneOf("a", "A", "b")), (1, Gen.OneOf(Letters)));

    private static readonly Gen<string> Name = Letter.Array[0, 8].Select(static letters => string.Concat(letters));

    private static readonly Gen<ModelPattern> Pattern = Gen.Frequency((1, Gen.Const("*")), (2, Letter))
        .Array[1, 7]
        .Select(static letters => string.Concat(letters))
        .Where(text => !string.IsNullOrWhiteSpace(text))
        .Select(text => Create(text));

    // Fewer than are walked, about as many, and more. Neighbours share an ordinal, as the patterns of one rule do.
    private static readonly Gen<(int Ordinal, ModelPattern Pattern)[]> Patterns = Pattern.Array[0, 70]
        .Select(patterns => patterns.Select((pattern, i) => (i / 2, pattern)).ToArray());

    [Fact]
    public void Index_AgreesWithComparingOneByOne() =>
        Gen.Select(Patterns, Name.Array[0, 3]).Sample(
            (patterns, names) => AssertAgrees(new PatternIndex(patterns), patterns, names), iter: TestEffort.Times(750));

    [Fact]
    public void Index_AgreesWithComparingOneByOne_BeforeAnother() =>
        Gen.Select(Patterns, Patterns, Name.Array[1, 2]).Sample(
            (first, rest, names) =>
            {
                var from = first.Length == 0 ? 0 : first[^1].Ordinal + 1;
                AssertAgrees(
                    new PatternIndex(first, new PatternIndex(rest), from),
                    [.. first, .. rest.Select(entry => (entry.Ordinal + from, entry.Pattern))],
                    names);
            },
            iter: TestEffort.Times(750));

    [Fact]
    public void Set_AgreesWithComparingOneByOne() =>
        Gen.Select(Pattern.Array[0, 40], Name).Sample(
            (patterns, name) => new ModelPatternSet(patterns).IsMatch(name) == patterns.Any(pattern => pattern.IsMatch(name)),
            iter: TestEffort.Times(750));

    // Names that may be matched by a literal of their own, by one that many share, or by none; the ends of names and of literals meet.
    [Theory]
    [InlineData("openai/gpt-4o", "openai/gpt-4o", true)]
    [InlineData("openai/gpt-4o", "OPENAI/gpt-4O", true)]
    [InlineData("openai/gpt-4o", "openai/gpt-4o-mini", false)]
    [InlineData("openai/gpt-4o", "/openai/gpt-4o", false)]
    [InlineData("openai/*", "openai/", true)]
    [InlineData("openai/*", "openai", false)]
    [InlineData("*:free", "meta/llama:FREE", true)]
    [InlineData("*:free", "meta/llama:free-ish", false)]
    [InlineData("*claude*", "anthropic/claude", true)]
    [InlineData("*claude*", "claud", false)]
    [InlineData("a*b*c", "a-b-b-c", true)]
    [InlineData("a*b*c", "acb", false)]
    [InlineData("*", "", true)]
    [InlineData("***", "anything", true)]
    [InlineData("x", "", false)]
    [InlineData("*\u00E9*", "caf\u00C9", true)]
    [InlineData("kelvin", "\u212Aelvin", false)]
    [InlineData("*\u6A21\u578B*", "\u6211\u7684\u6A21\u578B", true)]
    [InlineData("*\u6A21\u578B*", "\u6211\u7684\u578B\u6A21", false)]
    public void Pattern_IsFoundAmongThousands(string pattern, string name, bool expected)
    {
        var others = Many(5_000);
        var index = new PatternIndex([.. others, (others.Count, Create(pattern))]);
        Assert.Equal(expected ? others.Count : PatternIndex.None, index.FindFirst(name));
        Assert.Equal(expected, index.IsMatch(name));
        Assert.Equal(expected ? (int[])[others.Count] : [], index.FindAll([name]) ?? []);
    }

    [Fact]
    public void FirstPattern_WinsWhereverItsLiteralStands()
    {
        string[] texts = ["*:free", "*claude*", "anthropic/*", "*", "anthropic/claude:free"];
        var others = Many(100);
        foreach (var order in Permutations(texts))
        {
            var index = new PatternIndex([.. others, .. order.Select((text, i) => (others.Count + i, Create(text)))]);
            Assert.Equal(others.Count, index.FindFirst("Anthropic/Claude:Free"));
            Assert.Equal(Enumerable.Range(others.Count, texts.Length), index.FindAll(["Anthropic/Claude:Free", "anthropic/claude:free"])!);
        }
    }

    [Fact]
    public void EmptyIndex_MatchesNothing()
    {
        var index = new PatternIndex([], new PatternIndex([]));
        Assert.True(index.IsEmpty);
        Assert.Equal(PatternIndex.None, index.FindFirst(""));
        Assert.Null(index.FindAll(["", "a"]));
        Assert.False(new PatternIndex([], new PatternIndex([(0, Create("a"))])).IsEmpty);
    }

    // The basis of a search by symbols: no character of ASCII equals a character outside of it in any comparison.
    [Fact]
    public void Ascii_EqualsNothingElse()
    {
        var others = new string([.. Enumerable.Range(0x80, 0x10000 - 0x80).Select(c => (char)c)]);
        var ascii = new string([.. Enumerable.Range(0, 0x80).Select(c => (char)c)]);
        foreach (var c in ascii.Where(c => c != '*' && !char.IsWhiteSpace(c)))
        {
            Assert.False(Create($"*{c}*").IsMatch(others), $"U+{(int)c:X4} is found outside of ASCII");
        }

        foreach (var c in others.Where(c => !char.IsWhiteSpace(c)))
        {
            Assert.False(Create($"*{c}*").IsMatch(ascii), $"U+{(int)c:X4} is found in ASCII");
        }

        var equal =
            from c in ascii
            from i in Enumerable.Range(0, others.Length)
            where string.Compare(ascii, c, others, i, 1, StringComparison.OrdinalIgnoreCase) == 0
            select $"U+{(int)c:X4} equals U+{(int)others[i]:X4}";
        Assert.Empty(equal);
    }

    // Compared anew wherever a literal occurs, or with every shorter one each time, this would take many minutes.
    [Fact]
    public async Task LongName_CostsItsLengthAndEachCandidateOnce()
    {
        // All of the first match; of the others nothing but the literal that is looked for, wherever the name is read.
        var nested = new PatternIndex(Enumerable.Range(1, 1_000).Select(i => (i, Create($"*{new string('a', i)}*"))));
        var shared = new PatternIndex(Enumerable.Range(0, 300).Select(i => (i, Create(i < 100 ? "*aa*c*" : "*c*x*"))));
        var name = "c" + new string('a', 1_000_000);
        await HangGuard.RunAsync(() =>
        {
            Assert.Equal(1, nested.FindFirst(name));
            Assert.Equal(1_000, nested.FindAll([name])!.Count);
            Assert.Equal(PatternIndex.None, shared.FindFirst(name));
        });
    }

    [Theory]
    [InlineData(10)]
    [InlineData(10_000)]
    public void FindFirst_AllocatesNothing(int count)
    {
        var index = new PatternIndex(Many(count), new PatternIndex(Many(count)), count);

        Assert.Equal(0, Allocations.Least(Find));

        void Find()
        {
            for (var i = 0; i < 100; i++)
            {
                index.FindFirst("anthropic/claude-sonnet-4.5");
                index.FindFirst("vendor-3/model-7");
            }
        }
    }

    private static void AssertAgrees(PatternIndex index, (int Ordinal, ModelPattern Pattern)[] patterns, string[] names)
    {
        var expected = patterns.Where(entry => names.Any(name => entry.Pattern.IsMatch(name))).Select(entry => entry.Ordinal).Distinct();
        Assert.Equal(expected, index.FindAll([.. names]) ?? []);
        Assert.Equal(patterns.Length == 0, index.IsEmpty);
        foreach (var name in names)
        {
            var matching = patterns.Where(entry => entry.Pattern.IsMatch(name)).Select(entry => entry.Ordinal);
            var first = matching.FirstOrDefault(PatternIndex.None);
            Assert.Equal(first, index.FindFirst(name));
            Assert.Equal(first != PatternIndex.None, index.IsMatch(name));
        }
    }

    // None of them matches a name that a test asks for.
    private static List<(int Ordinal, ModelPattern Pattern)> Many(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => (i, Create((i % 5) switch
        {
            0 => $"vendor-{i}/model-{i}",
            1 => $"*-{i}-of-*",
            2 => $"*:variant-{i}",
            _ => $"vendor-{i % 50}/model-{i}-*",
        }))),
    ];

    private static IEnumerable<string[]> Permutations(string[] texts) => texts.Length <= 1
        ? [texts]
        : texts.SelectMany(text => Permutations([.. texts.Where(other => other != text)]).Select(rest => (string[])[text, .. rest]));

    private static ModelPattern Create(string text) => ModelPattern.Create(text, "Model", [])!;
}
