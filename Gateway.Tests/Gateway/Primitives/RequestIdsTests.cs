using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class RequestIdsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 23, 5, 1, 234, TimeSpan.Zero);

    [Fact]
    public void Id_HasItsTime_AndIsRandomBehindIt()
    {
        var ids = Enumerable.Range(0, 1000).Select(_ => RequestIds.Create(Now)).ToList();

        Assert.All(ids, id =>
        {
            Assert.Equal(32, id.Length);
            Assert.True(RequestIds.TryTime(id, out var time));
            Assert.Equal(Now, time);
        });
        Assert.Equal(1000, ids.Distinct().Count());
        Assert.True(string.CompareOrdinal(ids[0], RequestIds.Create(Now.AddMilliseconds(1))) < 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gen-1763871234-abc")]
    [InlineData("0af7651916cd43dd8448eb211c80319c")]
    [InlineData("019ac0a1b2c3D3dd8448eb211c80319c")]
    [InlineData("019ac0a1b2c3d3dd8448eb211c80319")]
    [InlineData("019ac0a1b2c3d3dd8448eb211c80319c0")]
    [InlineData("-19ac0a1b2c3d3dd8448eb211c80319c")]
    public void IdOfAnotherOrigin_HasNoTime(string id) => Assert.False(RequestIds.TryTime(id, out _));
}
