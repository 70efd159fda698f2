using CsCheck;
using OpenRouterGateway.Transforms.Json;
using Xunit;

namespace Gateway.Tests.Transforms.Json;

public class NearestNameTests
{
    [Theory]
    [InlineData("Port", "Port")]
    [InlineData("port", "Port")]
    [InlineData("Prot", "Port")] // a swap
    [InlineData("Por", "Port")] // a missing character
    [InlineData("Portt", "Port")] // one too many
    [InlineData("Pord", "Port")] // another one
    [InlineData("Pxxt", "Port")]
    [InlineData("Pxxx", null)]
    [InlineData("xPortxx", null)]
    [InlineData("RequestBodyMemroy", "RequestBodyMemory")]
    [InlineData("RequestBdMmor", "RequestBodyMemory")] // four edits of thirteen characters
    [InlineData("RequestBdMmo", null)] // five of twelve
    public void Name_IsFound_WithinTwoEditsOrAThirdOfItsLength(string name, string? expected) =>
        Assert.Equal(expected, NearestName.Find(name, ["Address", "Port", "RequestBodyMemory"]));

    [Theory]
    [InlineData("ab", "c", null)]
    [InlineData("ab", "cd", null)]
    [InlineData("ab", "ad", "ad")]
    [InlineData("ab", "xyb", "xyb")]
    public void Candidate_SharesACharacter(string name, string candidate, string? expected) =>
        Assert.Equal(expected, NearestName.Find(name, [candidate]));

    [Theory]
    [InlineData("cost", new[] { "most", "coast", "cost" }, "cost")]
    [InlineData("cost", new[] { "coats", "most", "lost" }, "most")]
    [InlineData("cost", new[] { "lost", "most" }, "lost")]
    [InlineData("cost", new string[0], null)]
    public void Nearest_IsTheFirstOfTheSmallestDistance(string name, string[] candidates, string? expected) =>
        Assert.Equal(expected, NearestName.Find(name, candidates));

    [Fact]
    public void Name_IsFound_ExactlyIfItsDistanceIsSmallEnough()
    {
        var names = Gen.Char["ABC"].Array[0, 6].Select(characters => new string(characters));
        Gen.Select(names, names).Sample((name, candidate) =>
        {
            var distance = Distance(name, candidate);
            var isNear = distance <= Math.Max(2, name.Length / 3) && distance < candidate.Length;
            return NearestName.Find(name, [candidate]) == (isNear ? candidate : null);
        });
    }

    /// <summary>The definition: the cheapest way to make the last characters equal, and the rest before them.</summary>
    private static int Distance(ReadOnlySpan<char> from, ReadOnlySpan<char> to)
    {
        if (from.IsEmpty || to.IsEmpty)
        {
            return from.Length + to.Length;
        }

        if (from[^1] == to[^1])
        {
            return Distance(from[..^1], to[..^1]);
        }

        var least = Math.Min(Distance(from[..^1], to), Math.Min(Distance(from, to[..^1]), Distance(from[..^1], to[..^1])));
        return 1 + (from.Length > 1 && to.Length > 1 && from[^1] == to[^2] && from[^2] == to[^1]
            ? Math.Min(least, Distance(from[..^2], to[..^2]))
            : least);
    }
}
