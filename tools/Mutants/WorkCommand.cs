using System.Diagnostics;

namespace Mutants;

/// <summary>
/// The process that runs tests. It ends when its list is done, or early when a mutant has spoiled it: after a test that hangs, or when a
/// test fails that should pass. <see cref="RunCommand"/> then starts another one.
/// </summary>
internal static class WorkCommand
{
    public const int Spoiled = 3;

    private static readonly TimeSpan ShortestLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan CoverageLimit = TimeSpan.FromMinutes(4);

    /// <summary>Records the mutants that each class reaches.</summary>
    public static async Task<int> CoverAsync(Workspace workspace, IReadOnlyList<string> prefixes)
    {
        var host = await TestHost.StartAsync(workspace, prefixes);
        foreach (var name in host.Classes.Order(StringComparer.Ordinal))
        {
            var file = $"coverage/{name}.json";
            if (File.Exists(workspace.State(file)))
            {
                continue;
            }

            // The record that remains if the process ends within the class.
            workspace.Write(file, new ClassCoverage(name, false, 0, [], []));
            host.ClearReached();
            var (failedFirst, _) = await host.RunClassAsync(name, CoverageLimit);
            var first = host.Reached();
            host.ClearReached();
            var (failed, milliseconds) = await host.RunClassAsync(name, CoverageLimit);
            var second = host.Reached();
            workspace.Write(file, new ClassCoverage(name, (failedFirst ?? failed) is null, milliseconds, second, [.. first.Except(second)]));
            Console.WriteLine($"{name}: {second.Length} mutants, {milliseconds} ms, {failedFirst ?? failed ?? "passes"}");
        }

        return 0;
    }

    /// <summary>Runs mutants.</summary>
    public static async Task<int> MutateAsync(Workspace workspace, IReadOnlyList<string> prefixes, IReadOnlyList<int> ids)
    {
        var coverage = workspace.Coverage().Where(cover => cover.Passes && IsIn(cover.Name, prefixes)).OrderBy(cover => cover.Milliseconds).ToList();
        var host = await TestHost.StartAsync(workspace, prefixes);
        var warm = new HashSet<string>();
        var isFirst = true;
        foreach (var id in ids)
        {
            await File.WriteAllTextAsync(workspace.CurrentPath, $"{id}");
            var start = Stopwatch.GetTimestamp();
            var result = new MutantResult(id, "survived", "", 0);
            foreach (var cover in coverage.Where(cover => cover.Reached.Contains(id)))
            {
                var limit = ShortestLimit + TimeSpan.FromMilliseconds(cover.Milliseconds * 5);

                // Static members are initialized without a mutant.
                if (warm.Add(cover.Name) && (await host.RunClassAsync(cover.Name, CoverageLimit)).Failed is { } broken)
                {
                    Console.WriteLine($"{broken} fails without a mutant.");
                    if (!isFirst)
                    {
                        return Spoiled;
                    }

                    continue;
                }

                host.Activate(id);
                string? failed;
                try
                {
                    (failed, _) = await host.RunClassAsync(cover.Name, limit);
                }
                catch (TimeoutException)
                {
                    workspace.Append(new MutantResult(id, "timeout", cover.Name, Elapsed(start)));

                    // The thread that hangs may be a foreground thread, which would keep the process.
                    Environment.Exit(Spoiled);
                    throw;
                }

                host.Activate(0);
                if (failed is null)
                {
                    continue;
                }

                // A test that fails without the mutant too says nothing about it, unless the mutant itself has spoiled the process.
                var (again, _) = await host.RunTestAsync(cover.Name, failed, limit);
                if (again is not null && !isFirst)
                {
                    Console.WriteLine($"{failed} fails after mutant {id} too.");
                    return Spoiled;
                }

                result = new MutantResult(id, "killed", failed, 0);
                if (again is not null)
                {
                    workspace.Append(result with { Milliseconds = Elapsed(start) });
                    return Spoiled;
                }

                break;
            }

            workspace.Append(result with { Milliseconds = Elapsed(start) });
            isFirst = false;
        }

        return 0;
    }

    /// <summary>Runs one mutant of a static initializer: the switch was set by the environment before the program's first line.</summary>
    public static async Task<int> MutateStaticAsync(Workspace workspace, IReadOnlyList<string> prefixes, int id)
    {
        await File.WriteAllTextAsync(workspace.CurrentPath, $"{id}");
        var start = Stopwatch.GetTimestamp();
        var host = await TestHost.StartAsync(workspace, prefixes);
        foreach (var cover in workspace.Coverage().Where(cover => cover.Passes && IsIn(cover.Name, prefixes)).OrderBy(cover => cover.Milliseconds))
        {
            var (failed, _) = await host.RunClassAsync(cover.Name, CoverageLimit);
            if (failed is not null)
            {
                workspace.Append(new MutantResult(id, "killed", failed, Elapsed(start)));
                return 0;
            }
        }

        workspace.Append(new MutantResult(id, "survived", "", Elapsed(start)));
        return 0;
    }

    public static bool IsIn(string name, IReadOnlyList<string> prefixes) =>
        prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    private static long Elapsed(long start) => (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
}
