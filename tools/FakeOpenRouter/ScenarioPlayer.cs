using System.Globalization;
using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>Plays a scenario: applies its faults to requests, and turns the server off and on.</summary>
internal sealed class ScenarioPlayer : IDisposable
{
    private readonly TimeProvider _time;
    private readonly OutageSwitch _outage;
    private readonly Action<string>? _note;
    private readonly List<ITimer> _timers = [];
    private Run _run;

    /// <param name="time">The clock of its seconds.</param>
    /// <param name="outage">Turns the server off and on.</param>
    /// <param name="note">Receives a line for every applied fault.</param>
    public ScenarioPlayer(TimeProvider time, OutageSwitch outage, Action<string>? note)
    {
        _time = time;
        _outage = outage;
        _note = note;
        _run = new Run(Scenario.None, time.GetTimestamp());
    }

    /// <summary>Starts a scenario, from its first second and request. Ends the one before.</summary>
    public async Task PlayAsync(Scenario scenario)
    {
        Dispose();
        await _outage.SetAsync(isDown: false);
        Volatile.Write(ref _run, new Run(scenario, _time.GetTimestamp()));
        foreach (var step in scenario.Steps.Where(step => step.IsDown))
        {
            Schedule(step.From, isDown: true);
            if (step.To < TimeSpan.MaxValue)
            {
                Schedule(step.To, isDown: false);
            }
        }
    }

    /// <summary>The script of the step that applies to a request; <see langword="null"/> if there is none.</summary>
    public IReadOnlyList<string>? Take(HttpRequest request)
    {
        var run = Volatile.Read(ref _run);
        if (run.Scenario.Steps.Count == 0)
        {
            return null;
        }

        var elapsed = _time.GetElapsedTime(run.StartedAt);
        if (run.Scenario.Take(request, elapsed) is not { } step)
        {
            return null;
        }

        Note(elapsed, $"{request.Method} {request.Path.Value}  {step.Name}");
        return step.Script;
    }

    /// <summary>Writes how far the scenario is.</summary>
    public void Write(Utf8JsonWriter json)
    {
        var run = Volatile.Read(ref _run);
        json.WriteStartObject();
        json.WriteNumber("elapsed_seconds", Math.Round(_time.GetElapsedTime(run.StartedAt).TotalSeconds, 1));
        json.WriteStartArray("steps");
        foreach (var step in run.Scenario.Steps)
        {
            json.WriteStartObject();
            json.WriteString("fault", step.Name);
            json.WriteNumber("seen", step.Seen);
            json.WriteNumber("applied", step.Applied);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    public void Dispose()
    {
        foreach (var timer in _timers)
        {
            timer.Dispose();
        }

        _timers.Clear();
    }

    private void Schedule(TimeSpan at, bool isDown)
    {
        var timer = _time.CreateTimer(_ => _ = SwitchAsync(at, isDown), null, at, Timeout.InfiniteTimeSpan);
        _timers.Add(timer);
    }

    private async Task SwitchAsync(TimeSpan at, bool isDown)
    {
        try
        {
            await _outage.SetAsync(isDown);
            Note(at, isDown ? "down" : "up");
        }
        catch (IOException taken)
        {
            Note(at, $"cannot listen again: {taken.Message}");
        }
    }

    private void Note(TimeSpan elapsed, string what) =>
        _note?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds:0.0} s  {what}"));

    private sealed record Run(Scenario Scenario, long StartedAt);
}
