namespace FakeOpenRouter;

/// <summary>A step of a scenario: which requests a fault applies to. Requests are counted per step, among those that its path selects.</summary>
internal sealed class ScenarioStep
{
    private int _seen;
    private int _applied;

    /// <summary>The name of the fault, or the first line of an own script.</summary>
    public required string Name { get; init; }

    /// <summary>The lines of the script.</summary>
    public required IReadOnlyList<string> Script { get; init; }

    /// <summary>Whether the server accepts no connections during the step.</summary>
    public bool IsDown { get; init; }

    /// <summary>The time from which it applies, after the scenario's start.</summary>
    public TimeSpan From { get; init; }

    /// <summary>The time from which it no longer applies.</summary>
    public TimeSpan To { get; init; } = TimeSpan.MaxValue;

    /// <summary>The first request that it applies to, from 1.</summary>
    public int FirstRequest { get; init; } = 1;

    /// <summary>The last request that it applies to.</summary>
    public int LastRequest { get; init; } = int.MaxValue;

    /// <summary>Of the requests from <see cref="FirstRequest"/> on, it applies to the first of every so many.</summary>
    public int Every { get; init; } = 1;

    /// <summary>A path below <c>/api/v1</c>, with any method; <see langword="null"/> for every POST there.</summary>
    public string? Path { get; init; }

    /// <summary>The number of requests that its path has selected.</summary>
    public int Seen => Volatile.Read(ref _seen);

    /// <summary>The number of requests that it was applied to.</summary>
    public int Applied => Volatile.Read(ref _applied);

    /// <summary>Counts a request that its path selects. Returns whether the step applies to it.</summary>
    public bool Count(HttpRequest request, TimeSpan elapsed)
    {
        if (IsDown || !Selects(request))
        {
            return false;
        }

        var number = Interlocked.Increment(ref _seen);
        return elapsed >= From && elapsed < To
            && number >= FirstRequest && number <= LastRequest && (number - FirstRequest) % Every == 0;
    }

    /// <summary>Records that it was applied.</summary>
    public void MarkApplied() => Interlocked.Increment(ref _applied);

    private bool Selects(HttpRequest request) =>
        request.Path.StartsWithSegments(RequestHandler.BasePath, out var rest)
        && (Path is null ? HttpMethods.IsPost(request.Method) : rest.Value == Path);
}
