namespace Gateway.Tests.Support;

/// <summary>The lines that a gateway has printed, to be waited for.</summary>
/// <param name="ended">Completes when the gateway ends and prints no more; never for one inside the test's process.</param>
/// <param name="state">Describes the state of the gateway, for the message of a failure.</param>
internal sealed class PrintedLines(Func<CancellationToken, Task> ended, Func<string> state)
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>All lines so far.</summary>
    public IReadOnlyList<string> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Everything so far.</summary>
    public string Text => string.Join('\n', All);

    public void Add(string line)
    {
        lock (_gate)
        {
            _lines.Add(line);
        }

        Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    /// <summary>Waits for a line that satisfies a condition and returns it.</summary>
    public async Task<string> WaitForAsync(Func<string, bool> condition, string what)
    {
        using var limit = HangGuard.Start();
        var end = ended(limit.Token);
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            if (All.FirstOrDefault(condition) is { } line)
            {
                return line;
            }

            var first = await Task.WhenAny(changed, end);
            if (first == end && All.FirstOrDefault(condition) is null)
            {
                var became = end.IsCanceled ? "is still running" : state();
                throw new TimeoutException($"The gateway printed no line with {what}; it {became} and printed:\n{Text}");
            }
        }
    }
}
