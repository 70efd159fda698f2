using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>
/// The faults of a run, from a JSON file: at which seconds, or for which requests, which fault applies. The README describes the format.
/// </summary>
internal sealed class Scenario
{
    private static readonly JsonDocumentOptions Options =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    private Scenario(IReadOnlyList<ScenarioStep> steps) => Steps = steps;

    /// <summary>A run without faults.</summary>
    public static Scenario None { get; } = new([]);

    /// <summary>The steps, in order. The first one that applies to a request is the only one.</summary>
    public IReadOnlyList<ScenarioStep> Steps { get; }

    /// <summary>Reads a scenario.</summary>
    /// <exception cref="FormatException">It is not valid; the message names the step.</exception>
    public static Scenario Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Options);
            var steps = new List<ScenarioStep>();
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.Name != "steps")
                {
                    throw new FormatException($"\"{member.Name}\" is unknown; expected steps");
                }

                foreach (var step in member.Value.EnumerateArray())
                {
                    steps.Add(ReadStep(step, steps.Count + 1));
                }
            }

            return new Scenario(steps);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new FormatException($"The scenario is not {{ \"steps\": [ … ] }}: {fault.Message}", fault);
        }
    }

    /// <summary>The step that applies to a request; <see langword="null"/> if there is none.</summary>
    public ScenarioStep? Take(HttpRequest request, TimeSpan elapsed)
    {
        ScenarioStep? taken = null;
        foreach (var step in Steps)
        {
            // Every step counts, also behind the one that applies.
            if (step.Count(request, elapsed))
            {
                taken ??= step;
            }
        }

        taken?.MarkApplied();
        return taken;
    }

    private static ScenarioStep ReadStep(JsonElement json, int number)
    {
        try
        {
            Fault? fault = null;
            string[]? script = null;
            string? path = null;
            var every = 1;
            var (from, to) = (0d, double.PositiveInfinity);
            var (first, last) = (1d, double.PositiveInfinity);
            foreach (var member in json.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "fault":
                        fault = Faults.Find(member.Value.GetString()!);
                        break;
                    case "script":
                        script = [.. member.Value.EnumerateArray().Select(line => line.GetString()!)];
                        FakeScript.Parse(script);
                        break;
                    case "seconds":
                        (from, to) = ReadRange(member.Value);
                        break;
                    case "requests":
                        (first, last) = ReadRange(member.Value);
                        break;
                    case "every":
                        every = Math.Max(1, member.Value.GetInt32());
                        break;
                    case "path":
                        path = member.Value.GetString();
                        break;
                    default:
                        throw new FormatException($"\"{member.Name}\" is unknown; expected fault, script, seconds, requests, every or path");
                }
            }

            if (fault is null == script is null)
            {
                throw new FormatException("expected either fault or script");
            }

            if (fault == Faults.Down && json.EnumerateObject().Any(member => member.Name is not ("fault" or "seconds")))
            {
                throw new FormatException("\"down\" is a fault of the server: it can have seconds only");
            }

            return new ScenarioStep
            {
                Name = fault?.Name ?? script!.FirstOrDefault() ?? "",
                Script = fault?.Script ?? script!,
                IsDown = fault == Faults.Down,
                From = TimeSpan.FromSeconds(from),
                To = double.IsPositiveInfinity(to) ? TimeSpan.MaxValue : TimeSpan.FromSeconds(to),
                FirstRequest = (int)first,
                LastRequest = double.IsPositiveInfinity(last) ? int.MaxValue : (int)last,
                Every = every,
                Path = path,
            };
        }
        catch (Exception invalid) when (invalid is FormatException or InvalidOperationException or OverflowException)
        {
            throw new FormatException($"Step {number}: {invalid.Message}", invalid);
        }
    }

    /// <summary>Reads <c>[from, to]</c>, or <c>[from]</c> for a range without an end.</summary>
    private static (double From, double To) ReadRange(JsonElement json)
    {
        double[] bounds = [.. json.EnumerateArray().Select(bound => bound.GetDouble())];
        return bounds switch
        {
            [var from] when from >= 0 => (from, double.PositiveInfinity),
            [var from, var to] when from >= 0 && to >= from => (from, to),
            _ => throw new FormatException($"{json.GetRawText()} is no range; expected [from] or [from, to]"),
        };
    }
}
