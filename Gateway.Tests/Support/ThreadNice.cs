using System.Globalization;

namespace Gateway.Tests.Support;

/// <summary>The nice value of a thread. Linux only.</summary>
internal static class ThreadNice
{
    // The 19th field of proc_pid_stat(5). The second, in parentheses, may contain spaces.
    private const int Field = 19 - 3;

    public static int OfCaller()
    {
        var stat = File.ReadAllText("/proc/thread-self/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[Field], CultureInfo.InvariantCulture);
    }
}
