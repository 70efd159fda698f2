using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class TimeOrderedIdTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 23, 5, 1, 234, TimeSpan.Zero);

    [Fact]
    public void Id_IsAUuidOfVersion7()
    {
        var ids = Enumerable.Range(0, 1000).Select(_ => TimeOrderedId.Create(Now)).ToList();

        Assert.Equal(1000, ids.Distinct().Count());
        Assert.All(ids, id =>
        {
            Assert.Equal(7, id.Version);
            Assert.InRange(id.Variant, 8, 11);
            Assert.Equal(Guid.CreateVersion7(Now).ToString()[..13], id.ToString()[..13]);
        });
    }

    [Fact]
    public void Ids_AreInTheOrderOfTheirTimes()
    {
        var ids = Enumerable.Range(0, 1000).Select(i => TimeOrderedId.Create(Now.AddMilliseconds(i * 1000))).ToList();

        Assert.Equal(ids.Order(), ids);
    }
}
