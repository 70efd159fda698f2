using Gateway.Limits;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: no more ids are kept than the capacity, and always the latest half of it, with their first values.</summary>
public sealed class LatestIdsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(808)]
    public void LatestHalf_IsKept_AndNoMoreThanTheCapacity(ulong seed)
    {
        const int Capacity = 20;
        var random = new TestRandom(seed);
        var ids = new LatestIds<int>(Capacity);
        var latest = new List<(Guid Id, int Value)>();
        for (var i = 0; i < 500; i++)
        {
            if (latest.Count > 0 && random.Next(4) == 0)
            {
                var known = latest[random.Next(latest.Count)];
                Assert.False(ids.TryAdd(known.Id, -1));
                if (random.Next(2) == 0)
                {
                    Assert.True(ids.Remove(known.Id));
                    Assert.False(ids.Remove(known.Id));
                    latest.Remove(known);
                }
            }
            else
            {
                var id = Guid.NewGuid();
                Assert.True(ids.TryAdd(id, i));
                latest.Add((id, i));
                if (latest.Count > Capacity / 2)
                {
                    latest.RemoveAt(0);
                }
            }

            Assert.InRange(ids.Count, latest.Count, Capacity);
            Assert.All(latest, one => Assert.True(ids.Contains(one.Id)));
            Assert.All(latest, one => Assert.Contains(ids.All, kept => kept.Key == one.Id && kept.Value == one.Value));
        }

        ids.Clear();
        Assert.Equal((0, false), (ids.Count, ids.Contains(latest[0].Id)));
    }
}
