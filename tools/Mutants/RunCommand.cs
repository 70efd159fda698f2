using System.Diagnostics;
using System.Globalization;

namespace Mutants;

/// <summary>Runs the mutants of a folder in worker processes, one at a time. Can be ended and started again: it goes on where it was.</summary>
internal static class RunCommand
{
    private const int MutantsPerWorker = 100;

    /// <param name="workspace">The instrumented copy.</param>
    /// <param name="suite">The folder and its tests.</param>
    /// <param name="sample">How many mutants of the folder to run, chosen by the seed.</param>
    /// <param name="seed">The seed of the sample.</param>
    /// <param name="again">Whether mutants that survived are run again, against new tests.</param>
    public static int Run(Workspace workspace, Suite suite, int sample, uint seed, bool again)
    {
        if (Start(workspace, ["cover", workspace.Root, string.Join(',', suite.Tests)]) != 0)
        {
            return 1;
        }

        var coverage = workspace.Coverage().Where(cover => cover.Passes && WorkCommand.IsIn(cover.Name, suite.Tests)).ToList();
        var reached = coverage.SelectMany(static cover => cover.Reached).ToHashSet();
        var reachedOnce = coverage.SelectMany(static cover => cover.ReachedOnce).ToHashSet();
        var chosen = suite.Sample(workspace, sample, seed).Select(static mutant => mutant.Id).ToList();
        var results = workspace.Results();
        var waiting = chosen.Where(id => !results.TryGetValue(id, out var result) || again && !result.IsKilled).Order().ToList();
        Console.WriteLine($"{suite.Folder}: {chosen.Count} chosen with seed {seed}, {waiting.Count} to run, {coverage.Count} test classes.");
        foreach (var id in waiting.Where(id => !reached.Contains(id) && !reachedOnce.Contains(id)))
        {
            workspace.Append(new MutantResult(id, "uncovered", "", 0));
        }

        foreach (var id in waiting.Where(id => !reached.Contains(id) && reachedOnce.Contains(id)))
        {
            Charge(workspace, Start(workspace, ["static", workspace.Root, string.Join(',', suite.Tests), Text(id)], id));
        }

        var queue = new Queue<int[]>(waiting.Where(reached.Contains).Chunk(MutantsPerWorker));
        while (queue.TryDequeue(out var ids))
        {
            // Each end of a worker leaves one result at least, or a process that was spoiled before its last mutant began.
            for (var left = ids; left.Length > 0; left = [.. ids.Where(id => IsWaiting(workspace, id, results, again))])
            {
                Charge(workspace, Start(workspace, ["mutate", workspace.Root, string.Join(',', suite.Tests), string.Join(',', left)]));
            }
        }

        return 0;
    }

    private static bool IsWaiting(Workspace workspace, int id, Dictionary<int, MutantResult> before, bool again)
    {
        if (!workspace.Results().TryGetValue(id, out var result))
        {
            return true;
        }

        return again && before.TryGetValue(id, out var old) && result.Equals(old);
    }

    // A process that ended by itself was ended by its mutant.
    private static void Charge(Workspace workspace, int exitCode)
    {
        if (exitCode is not (0 or WorkCommand.Spoiled))
        {
            var id = int.Parse(File.ReadAllText(workspace.CurrentPath), CultureInfo.InvariantCulture);
            workspace.Append(new MutantResult(id, "crashed", $"exit code {exitCode}", 1));
        }
    }

    private static int Start(Workspace workspace, string[] arguments, int active = 0)
    {
        var self = Path.Combine(workspace.TestFolder, "Mutants.dll");
        File.Copy(typeof(RunCommand).Assembly.Location, self, overwrite: true);
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                "exec", "--depsfile", Path.Combine(workspace.TestFolder, "Gateway.Tests.deps.json"),
                "--runtimeconfig", Path.Combine(workspace.TestFolder, "Gateway.Tests.runtimeconfig.json"), self,
            },
            WorkingDirectory = workspace.TestFolder,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // A mutant that collects without end meets the limit before the machine does.
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x80000000";
        start.Environment["MUTANT"] = Text(active);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }

    private static string Text(int id) => id.ToString(CultureInfo.InvariantCulture);
}
