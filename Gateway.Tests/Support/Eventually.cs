namespace Gateway.Tests.Support;

/// <summary>Bounded polling, for what an end-to-end test can only see from outside.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks again and again until there is an answer.</summary>
    public static async Task<T> GetAsync<T>(Func<Task<T?>> ask, TimeSpan patience, string what)
        where T : class
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await ask() is { } answer)
            {
                return answer;
            }

            if (TimeProvider.System.GetElapsedTime(startedAt) > patience)
            {
                throw new TimeoutException($"Waited {patience.TotalSeconds:0.#} s for {what}.");
            }

            await Task.Delay(Interval);
        }
    }

    /// <summary>Asks again and again until it is so, and returns how long that took.</summary>
    public static async Task<TimeSpan> TrueAsync(Func<Task<bool>> ask, TimeSpan patience, string what)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        await GetAsync(async () => await ask() ? "yes" : null, patience, what);
        return TimeProvider.System.GetElapsedTime(startedAt);
    }
}
