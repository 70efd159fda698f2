using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Support;

/// <summary>A clock that a test drives until an event has happened.</summary>
internal static class FakeTime
{
    /// <summary>A clock that starts at the system's time, which rows and ids of the test are made with.</summary>
    public static FakeTimeProvider StartNow() => new(TimeProvider.System.GetUtcNow());

    /// <summary>Advances step by step until the condition holds.</summary>
    public static Task AdvanceUntilAsync(this FakeTimeProvider time, TimeSpan step, Func<Task<bool>> condition, string what) =>
        Eventually.TrueAsync(
            async () =>
            {
                time.Advance(step);
                return await condition();
            },
            what);
}
