using Gateway.Secrets;
using Gateway.Teams;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Gateway.Teams;

public sealed class TeamDirectoryTests
{
    private static readonly TeamDirectory Directory = new(
        [Create("a", "ogw-one", "ogw-two"), Create("b", "schlüssel", new string('x', 1_000_000))]);

    [Theory]
    [InlineData("ogw-one", "a", "key-1")]
    [InlineData("ogw-two", "a", "key-2")]
    [InlineData("schlüssel", "b", "key-1")]
    public void Key_FindsItsTeam(string key, string team, string label)
    {
        Assert.True(Directory.TryFind(key, out var caller));
        Assert.Equal((team, label), (caller.Team.Id, caller.Key.Label));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ogw-on")]
    [InlineData("ogw-one ")]
    [InlineData("OGW-one")]
    [InlineData("ogw-three")]
    public void OtherText_FindsNobody(string key)
    {
        Assert.False(Directory.TryFind(key, out var caller));
        Assert.Null(caller);
    }

    [Fact]
    public void EmptyKey_IsNeverFound() =>
        Assert.False(new TeamDirectory([Create("a", "")]).TryFind("", out _));

    [Fact]
    public void Team_IsFoundByItsIdAsWritten()
    {
        var directory = new TeamDirectory([Create("a", "ogw-one"), Create("b", "ogw-two")]);

        Assert.True(directory.TryGet("b", out var team));
        Assert.Equal("b", team.Id);
        Assert.False(directory.TryGet("B", out _));
        Assert.Equal(["a", "b"], directory.Teams.Select(each => each.Id));
        Assert.False(directory.IsEmpty);
        Assert.True(TeamDirectory.Empty.IsEmpty);
    }

    [Fact]
    public void VeryLongKey_IsHashedLikeAnyOther()
    {
        // On a stack of 256 KB a megabyte of characters would not fit.
        var isFound = false;
        var isOtherFound = true;
        var thread = new Thread(
            () =>
            {
                isFound = Directory.TryFind(new string('x', 1_000_000), out _);
                isOtherFound = Directory.TryFind(new string('\u20AC', 1_000_001), out _);
            },
            256 * 1024);
        thread.Start();
        thread.Join();

        Assert.True(isFound);
        Assert.False(isOtherFound);
    }

    [Fact]
    public void Lookup_AllocatesNothing() => Assert.Equal(0, Allocations.Least(static () =>
    {
        for (var i = 0; i < 100; i++)
        {
            Directory.TryFind("ogw-one", out _);
            Directory.TryFind("ogw-wrong", out _);
        }
    }));

    [Fact]
    public void SameStartOfTheHash_IsTwoKeys()
    {
        byte[] first = GatewayKeys.Hash("ogw-one");
        byte[] near = [.. first];
        near[31] ^= 1;
        var directory = new TeamDirectory([WithHash("near", near), WithHash("real", first)]);

        Assert.True(directory.TryFind("ogw-one", out var caller));
        Assert.Equal("real", caller.Team.Id);
    }

    private static Team WithHash(string id, byte[] hash) => Create(id, [new TeamKey { Label = "key-1", Hash = hash }]);

    private static Team Create(string id, params string[] keys) =>
        Create(id, [.. keys.Select((key, i) => new TeamKey { Label = $"key-{i + 1}", Hash = GatewayKeys.Hash(key) })]);

    private static Team Create(string id, TeamKey[] keys) => new()
    {
        Id = id,
        Keys = keys,
        UpstreamKey = new UpstreamKey("sk-or-v1-marked"),
        Rights = ModelRights.All,
        Limits = TeamLimits.None,
        Rules = ProviderMappingRules.Empty,
    };
}
