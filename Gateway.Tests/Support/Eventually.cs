namespace Gateway.Tests.Support;

/// <summary>Polling until an event is seen, for events that a test can only see from outside. Never a judgement about time.</summary>
internal static class Eventually
{
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Asks again and again until there is an answer.</summary>
    public static Task<T> GetAsync<T>(Func<Task<T?>> ask, Func<string> what)
        where T : class => PollAsync(ask, what, LongestInterval);

    /// <summary>Asks again and again until there is an answer.</summary>
    public static Task<T> GetAsync<T>(Func<Task<T?>> ask, string what)
        where T : class => GetAsync(ask, () => what);

    /// <summary>Asks again and again until the answer is true.</summary>
    public static Task TrueAsync(Func<Task<bool>> ask, string what) => TrueAsync(ask, () => what);

    /// <summary>Asks again and again until the answer is true.</summary>
    public static Task TrueAsync(Func<Task<bool>> ask, Func<string> what) => GetAsync(async () => await ask() ? "yes" : null, what);

    /// <summary>Looks again and again until the condition is true.</summary>
    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);

    /// <summary>Takes the same step again and again until its result is true. Steps keep their pace: the condition moves a clock.</summary>
    public static Task InStepsAsync(Func<Task<bool>> step, string what) =>
        PollAsync(async () => await step() ? "yes" : null, () => what, FirstInterval);

    /// <summary>Takes the same step again and again until its result is true.</summary>
    public static Task InStepsAsync(Func<bool> step, string what) => InStepsAsync(() => Task.FromResult(step()), what);

    private static async Task<T> PollAsync<T>(Func<Task<T?>> ask, Func<string> what, TimeSpan longestInterval)
        where T : class
    {
        using var guard = HangGuard.Start();
        var interval = FirstInterval;
        while (true)
        {
            if (await ask() is { } answer)
            {
                return answer;
            }

            if (guard.IsCancellationRequested)
            {
                throw new TimeoutException($"Waited {HangGuard.Limit.TotalSeconds:0} s for {what()}.");
            }

#pragma warning disable RS0030 // The one place that polls.
            await Task.Delay(interval);
#pragma warning restore RS0030

            // Most conditions read a ledger or send a request: a test that waits for seconds would take the processor from the others.
            interval = interval * 1.25 < longestInterval ? interval * 1.25 : longestInterval;
        }
    }
}
