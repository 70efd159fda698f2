using System.Globalization;
using System.Text;

namespace HopBenchmark;

/// <summary>The results as Markdown, on the console as they come and in a file at the end.</summary>
internal sealed class MarkdownReport
{
    private readonly StringBuilder _text = new();
    private readonly List<string> _goals = [];

    /// <summary>Goals that were missed, each as a line.</summary>
    public List<string> Missed { get; } = [];

    public long Errors { get; private set; }

    public string Text => _text.ToString();

    public void Write(string line = "")
    {
        _text.Append(line).Append('\n');
        Console.WriteLine(line);
    }

    /// <summary>
    /// The table of a scenario: medians over the rounds, ratios round by round, since a slow spell of the machine hits neighbours alike.
    /// </summary>
    public void WriteScenario(Scenario scenario, IReadOnlyList<(Hop Hop, List<Measurement> Rounds)> results)
    {
        var yarp = results.SingleOrDefault(result => result.Hop.Name == Hop.PlainYarp).Rounds;
        Write($"## {scenario.Title}");
        Write();
        Write(
            $"| hop | {scenario.Unit}s/s | p50 µs | p99 µs | CPU µs/{scenario.Unit} | least to most"
            + " | CPU ÷ plain YARP | least to most | peak MB | errors |");
        Write("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var (hop, rounds) in results)
        {
            var cpu = rounds.Select(round => round.CpuMicroseconds).OfType<double>().ToArray();
            var ratios = yarp is null || cpu.Length == 0
                ? []
                : rounds.Zip(yarp, (own, other) => own.CpuMicroseconds!.Value / other.CpuMicroseconds!.Value).ToArray();
            var errors = rounds.Sum(round => round.Load.Errors);
            Errors += errors;
            Write(
                $"| {hop.Name} | {Number(Median(rounds.Select(round => round.CountPerSecond)), 0)}"
                + $" | {Number(Median(rounds.Select(round => round.Load.P50.TotalMicroseconds)), 0)}"
                + $" | {Number(Median(rounds.Select(round => round.Load.P99.TotalMicroseconds)), 0)}"
                + $" | {Spread(cpu, 1)} | {Spread(ratios, 2)}"
                + $" | {(cpu.Length == 0 ? "–" : Number(rounds.Max(round => round.PeakMegabytes!.Value), 0))} | {errors} |");
            if (hop.Name == Hop.Gateway && scenario.Goal is { } goal && ratios.Length > 0)
            {
                var ratio = Median(ratios);
                WriteGoal(scenario.Title, $"{Number(ratio, 2)} × plain YARP's CPU time", ratio <= goal, $"at most {Number(goal, 2)} ×");
            }
        }

        Write();
        FlushGoals();
    }

    /// <summary>The table of a fixed rate: latencies, and what each hop adds to those of the direct way, round by round.</summary>
    public void WriteRate(Scenario scenario, IReadOnlyList<(Hop Hop, List<Measurement> Rounds)> results)
    {
        var direct = results.Single(result => result.Hop.Name == Hop.Direct).Rounds;
        Write($"## {scenario.Title}");
        Write();
        Write("| hop | p50 µs | p99 µs | adds to p50 µs | least to most | adds to p99 µs | least to most | CPU µs/request | errors |");
        Write("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var (hop, rounds) in results)
        {
            var cpu = rounds.Select(round => round.CpuMicroseconds).OfType<double>().ToArray();
            var errors = rounds.Sum(round => round.Load.Errors);
            Errors += errors;
            Write(
                $"| {hop.Name} | {Number(Median(rounds.Select(round => round.Load.P50.TotalMicroseconds)), 0)}"
                + $" | {Number(Median(rounds.Select(round => round.Load.P99.TotalMicroseconds)), 0)}"
                + $" | {Spread(Added(load => load.P50), 0)} | {Spread(Added(load => load.P99), 0)}"
                + $" | {(cpu.Length == 0 ? "–" : Number(Median(cpu), 1))} | {errors} |");

            double[] Added(Func<LoadResult, TimeSpan> latency) => hop.Name == Hop.Direct
                ? []
                : [.. rounds.Zip(direct, (own, other) => (latency(own.Load) - latency(other.Load)).TotalMicroseconds)];
        }

        Write();
        Write("An open loop: latency counts from the moment at which a request was due.");
        Write();
    }

    /// <summary>Says whether a goal was met; goals of a table stand behind it.</summary>
    public void WriteGoal(string what, string measured, bool isMet, string goal)
    {
        var line = $"Goal, {goal}: {(isMet ? "met" : "missed")} with {measured}.";
        _goals.Add(line);
        if (!isMet)
        {
            Missed.Add($"{what}: {line}");
        }
    }

    public void FlushGoals()
    {
        foreach (var goal in _goals)
        {
            Write(goal);
            Write();
        }

        _goals.Clear();
    }

    public static string Number(double value, int digits) => value.ToString("N" + digits, CultureInfo.InvariantCulture);

    private static string Spread(double[] values, int digits) => values.Length == 0
        ? "– | –"
        : $"{Number(Median(values), digits)} | {Number(values.Min(), digits)} to {Number(values.Max(), digits)}";

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
