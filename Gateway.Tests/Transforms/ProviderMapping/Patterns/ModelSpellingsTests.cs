using System.Collections;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Patterns;

public sealed class ModelSpellingsTests
{
    [Fact]
    public void OfAll_CreatesTheSpellingsOfOneNameAtATime()
    {
        var names = new CountingList(["~a:free", "b:free", "c:free"]);
        using var spellings = ModelSpellings.OfAll(names).GetEnumerator();

        Assert.True(spellings.MoveNext());
        Assert.Equal(1, names.Read);
    }

    [Fact]
    public void OfAll_OfNoNames_IsTheEmptyName() => Assert.Equal([""], ModelSpellings.OfAll([]));

    [Fact]
    public void OfAll_IsThatOfEachName() =>
        Assert.Equal([.. ModelSpellings.Of("~a:free"), .. ModelSpellings.Of("b@preset/c")], ModelSpellings.OfAll(["~a:free", "b@preset/c"]));

    [Theory]
    [InlineData("a/b:x:free:y")]
    [InlineData("a/b:free:x:y")]
    [InlineData("a/b:x:y:free")]
    [InlineData("~a/b@preset/p:x:free:y")]
    public void Of_SeveralVariants_HasANameThatEndsWithEachOfThem(string name) =>
        Assert.Contains(ModelSpellings.Of(name), static spelling => spelling.EndsWith(":free", StringComparison.Ordinal));

    [Theory]
    [InlineData("a/b", new[] { "a/b" })]
    [InlineData("a/b:x", new[] { "a/b:x", "a/b" })]
    [InlineData("a/b:x:y:z", new[] { "a/b:x:y:z", "a/b", "a/b:x", "a/b:x:y", "a/b:y", "a/b:z" })]
    public void Of_SeveralVariants_IsTheNameWithFewerOfThem(string name, string[] expected) =>
        Assert.Equal(expected.Order(StringComparer.Ordinal), ModelSpellings.Of(name).Order(StringComparer.Ordinal));

    [Fact]
    public void Of_ManyVariants_HasTheNameWithoutTheLast()
    {
        var shorter = "a/b" + string.Concat(Enumerable.Range(0, 100).Select(number => $":v{number}"));

        Assert.Contains(shorter, ModelSpellings.Of(shorter + ":last"));
    }

    [Fact]
    public void Of_AMillionVariants_IsAFewNames() =>
        Assert.InRange(ModelSpellings.Of("a/b" + string.Concat(Enumerable.Repeat(":x", 1_000_000)) + "@preset/p").Count, 1, 200);

    /// <summary>A request may name a thousand models, each with hundreds of spellings.</summary>
    [Theory]
    [InlineData("a/b:x", 2)]
    [InlineData("a/b:w:x:y:z@preset/p:1:2:3:4", 60)]
    [InlineData(" ~a/b:w:x:y:z @preset/p:1:2:3:4 ", 200)]
    public void Of_LooksEachSpellingUpAFewTimes(string name, int least)
    {
        var comparer = new CountingComparer();
        var spellings = new List<string>();

        ModelSpellings.Add(name, spellings, comparer);

        Assert.InRange(spellings.Count, least, 1000);
        Assert.Equal(ModelSpellings.Of(name), spellings);
        Assert.InRange(comparer.Calls, spellings.Count, 8 * spellings.Count);
    }

    private sealed class CountingComparer : IEqualityComparer<string>
    {
        public int Calls { get; private set; }

        public bool Equals(string? x, string? y)
        {
            Calls++;
            return StringComparer.OrdinalIgnoreCase.Equals(x, y);
        }

        public int GetHashCode(string obj)
        {
            Calls++;
            return StringComparer.OrdinalIgnoreCase.GetHashCode(obj);
        }
    }

    private sealed class CountingList(string[] names) : IReadOnlyList<string>
    {
        public int Read { get; private set; }

        public int Count => names.Length;

        public string this[int index]
        {
            get
            {
                Read++;
                return names[index];
            }
        }

        public IEnumerator<string> GetEnumerator()
        {
            for (var i = 0; i < names.Length; i++)
            {
                yield return this[i];
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
