using System.Globalization;

namespace Mutants;

/// <summary>Prints the score of each folder as a row of a Markdown table, and the mutants that were not killed.</summary>
internal static class ReportCommand
{
    public static int Run(Workspace workspace, IReadOnlyList<Suite> suites, int sample, uint seed)
    {
        var results = workspace.Results();
        Console.WriteLine("| folder | mutants | run | killed | survived | not covered | score |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (var suite in suites)
        {
            var mutants = suite.MutantsOf(workspace).ToList();
            var run = suite.Sample(workspace, sample, seed).Where(mutant => results.ContainsKey(mutant.Id)).Select(mutant => results[mutant.Id]).ToList();
            var killed = run.Count(static result => result.IsKilled);
            var uncovered = run.Count(static result => result.Outcome == "uncovered");
            var score = run.Count == 0 ? 0 : 100.0 * killed / run.Count;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| `{suite.Folder}` | {mutants.Count} | {run.Count} | {killed} | {run.Count - killed - uncovered} | {uncovered} | {score:F0} % |"));
        }

        foreach (var mutant in suites.SelectMany(suite => suite.Sample(workspace, sample, seed)))
        {
            if (results.TryGetValue(mutant.Id, out var result) && !result.IsKilled)
            {
                Console.WriteLine($"{mutant.File}:{mutant.Line} #{mutant.Id} {result.Outcome} {mutant.Kind}: {mutant.Text}");
            }
        }

        return 0;
    }
}
