using System.Globalization;

namespace HopBenchmark;

/// <summary>The limit of open files.</summary>
internal static class OpenFiles
{
    /// <summary>
    /// Fails if this process and its children may not have so many. The runtime has already raised the limit as far as allowed, and child
    /// processes inherit it.
    /// </summary>
    public static void Require(int files)
    {
        var line = File.ReadLines("/proc/self/limits").Single(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        var limit = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
        if (limit != "unlimited" && long.Parse(limit, CultureInfo.InvariantCulture) < files)
        {
            throw new InvalidOperationException($"the scenario needs {files} open files, the limit is {limit}: raise it (ulimit -n)");
        }
    }
}
