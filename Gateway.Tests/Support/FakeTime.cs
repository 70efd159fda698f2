using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A clock that a test drives until an event has happened.</summary>
internal static class FakeTime
{
    /// <summary>A clock that starts at the system's time, which rows and ids of the test are made with.</summary>
    public static FakeTimeProvider StartNow() => new(TimeProvider.System.GetUtcNow());

    /// <summary>Skips a test that drives the clock of its gateway: a published program has a process, and a clock, of its own.</summary>
    public static void SkipWithPublishedProgram() =>
        Assert.SkipWhen(GatewayProcess.PublishedProgram is not null, "The clock is inside the test process.");

    /// <summary>Advances step by step until the condition holds.</summary>
    public static Task AdvanceUntilAsync(this FakeTimeProvider time, TimeSpan step, Func<Task<bool>> condition, string what) =>
        Eventually.InStepsAsync(
            async () =>
            {
                time.Advance(step);
                return await condition();
            },
            what);
}
