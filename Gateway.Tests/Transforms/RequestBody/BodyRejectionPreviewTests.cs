using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>Promise: in any state of the memory, the preview of a body's rejection says what the next body gets, and changes nothing.</summary>
public sealed class BodyRejectionPreviewTests
{
    private const int Megabyte = 1024 * 1024;

    [Fact]
    public async Task NextBody_GetsWhatThePreviewSays()
    {
        var outcomes = new HashSet<(bool IsSmall, string Outcome)>();
        var givenWay = 0;
        for (var seed = 1UL; seed <= 8; seed++)
        {
            givenWay += await RunAsync(seed, outcomes);
        }

        // The steps reach every outcome, and kept bodies give way.
        Assert.Superset(
            new HashSet<(bool, string)> { (false, "held"), (false, "waits"), (false, "rejected"), (true, "held") }, outcomes);
        Assert.True(givenWay > 0);
    }

    private static async Task<int> RunAsync(ulong seed, HashSet<(bool IsSmall, string Outcome)> outcomes)
    {
        var random = new TestRandom(seed);
        var (capacity, maxWaiting) = (16L * Megabyte, 4);
        using var memory = new RequestBodyMemory(() => capacity, () => maxWaiting, TimeProvider.System);
        var held = new List<BodyBuffer>();
        var waiting = new List<(BodyBuffer Body, Task<bool> Reserving)>();
        var givenWay = 0;
        for (var step = 0; step < 2000; step++)
        {
            foreach (var one in waiting.Where(static one => one.Reserving.IsCompleted).ToList())
            {
                waiting.Remove(one);
                if (await one.Reserving)
                {
                    held.Add(one.Body);
                }
            }

            switch (random.Next(12))
            {
                case < 4:
                    Arrive();
                    break;
                case < 6 when held.Count > 0:
                    var ended = held[random.Next(held.Count)];
                    held.Remove(ended);
                    ended.Release();
                    break;
                case < 10 when held.Count > 0:
                    held[random.Next(held.Count)].Keep();
                    break;
                default:
                    (capacity, maxWaiting) = ((8L + random.Next(16)) * Megabyte, random.Next(6));
                    break;
            }
        }

        return givenWay;

        void Arrive()
        {
            var owner = $"team-{random.Next(5)}";
            var isSmall = random.Next(2) == 0;
            var length = isSmall ? random.Next(RequestBodyMemory.SmallBodySize) : random.Next(6 * Megabyte);
            var before = (memory.HeldBytes, memory.WaitingBodies, memory.KeptBodies);

            var expected = memory.WouldReject(owner, length);

            Assert.Equal(expected, memory.WouldReject(owner, length));
            Assert.Equal(before, (memory.HeldBytes, memory.WaitingBodies, memory.KeptBodies));
            var body = new BodyBuffer(memory);
            var reserving = length <= RequestBodyMemory.SmallBodySize && body.TryHoldSmall(length)
                ? Task.FromResult(true)
                : body.TryReserveAsync(owner, length, CancellationToken.None).AsTask();
            var outcome = !reserving.IsCompleted ? "waits" : reserving.GetAwaiter().GetResult() ? "held" : "rejected";
            Assert.True(expected == (outcome == "rejected"), $"seed {seed}: a body of {length} bytes is {outcome}, the preview says {expected}");
            outcomes.Add((isSmall, outcome));
            givenWay += memory.KeptBodies < before.KeptBodies && outcome == "held" ? 1 : 0;
            if (outcome != "rejected")
            {
                waiting.Add((body, reserving));
            }
        }
    }

    /// <summary>Small bodies need a reservation once they hold a quarter of the memory together.</summary>
    [Fact]
    public async Task SmallBody_IsRejectedLikeAnother_WhenSmallBodiesHoldTheirShare()
    {
        using var memory = new RequestBodyMemory(static () => Megabyte, static () => 0, TimeProvider.System);
        Assert.True(await new BodyBuffer(memory).TryReserveAsync("large", 2 * Megabyte, TestContext.Current.CancellationToken));
        const int Length = 60_000;
        for (var i = 0; i < 4; i++)
        {
            Assert.False(memory.WouldReject("small", Length));
            Assert.True(new BodyBuffer(memory).TryHoldSmall(Length));
        }

        Assert.True(memory.WouldReject("small", Length));
        var next = new BodyBuffer(memory);
        Assert.False(next.TryHoldSmall(Length));
        Assert.False(await next.TryReserveAsync("small", Length, TestContext.Current.CancellationToken));
    }
}
