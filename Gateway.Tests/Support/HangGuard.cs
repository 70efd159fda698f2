using Xunit;

namespace Gateway.Tests.Support;

/// <summary>
/// Ends a test that hangs, and nothing else: no promise is about this time. A test waits for the event itself; the guard turns an event
/// that never comes into a failure. It is far longer than anything takes on a busy machine.
/// </summary>
internal static class HangGuard
{
    /// <summary>How long one wait lasts before the test counts as hung.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>A source that is cancelled with the test, or when the guard's time is over.</summary>
    /// <param name="limit">A longer time, for downloads.</param>
    public static CancellationTokenSource Start(TimeSpan? limit = null)
    {
        var guard = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
#pragma warning disable RS0030 // The one place where a test's time is limited.
        guard.CancelAfter(limit ?? Limit);
#pragma warning restore RS0030
        return guard;
    }

    /// <summary>Awaits a task that hangs if the product is broken.</summary>
    public static async Task GuardAsync(this Task task)
    {
        using var guard = Start();
        try
        {
            await task.WaitAsync(guard.Token);
        }
        catch (OperationCanceledException) when (guard.IsCancellationRequested && !task.IsCompleted)
        {
            throw new TimeoutException($"The test hung: nothing came of it in {Limit.TotalSeconds:0} s.");
        }
    }

    /// <summary>Awaits a task that hangs if the product is broken.</summary>
    public static async Task<T> GuardAsync<T>(this Task<T> task)
    {
        await ((Task)task).GuardAsync();
        return await task;
    }

    /// <summary>Runs work that does not end in any reasonable time if the product is broken.</summary>
    public static Task RunAsync(Action work) => Task.Run(work).GuardAsync();
}
