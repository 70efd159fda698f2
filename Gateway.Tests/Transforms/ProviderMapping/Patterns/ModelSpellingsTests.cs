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
