using System.Diagnostics;
using System.Globalization;

namespace HopBenchmark;

/// <summary>A process that this program starts and stops: its CPU time and memory from <c>/proc</c>, children included.</summary>
internal sealed class MeasuredProcess : IDisposable
{
    // The unit of /proc (USER_HZ), the same on every Linux that .NET supports.
    private const double TicksPerSecond = 100;

    // Environment variables of the caller that would tune a hop.
    private static readonly string[] TuningPrefixes = ["DOTNET_", "COMPlus_", "ASPNETCORE_", "GATEWAY_"];

    private readonly Process _process;

    // The CPU time of each compiler thread when it was last seen, in nanoseconds: idle ones end.
    private readonly Dictionary<string, long> _compilers = [];

    private MeasuredProcess(Process process)
    {
        _process = process;
    }

    /// <summary>Starts a program with its output redirected to a file, as in a container.</summary>
    public static MeasuredProcess Start(string folder, string output, string program, params string[] arguments)
    {
        // exec keeps the process id: the measured process is the program and not the shell.
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = folder };
        foreach (var argument in (string[])["-c", "output=$1; shift; exec \"$@\" >\"$output\" 2>&1", "sh", output, program, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var name in start.Environment.Keys.Where(IsTuning).ToArray())
        {
            start.Environment.Remove(name);
        }

        return new MeasuredProcess(Process.Start(start)!);
    }

    public bool HasExited => _process.HasExited;

    /// <summary>User and system time so far.</summary>
    public TimeSpan CpuTime => TimeSpan.FromSeconds(Tree(_process.Id).Sum(id => CpuTicks($"/proc/{id}/stat", withDeadChildren: false)) / TicksPerSecond);

    /// <summary>The CPU time of .NET's compiler for hot code so far, as far as it was asked for; zero in other processes.</summary>
    public TimeSpan CompilerTime
    {
        get
        {
            foreach (var thread in Tree(_process.Id).SelectMany(static id => Directory.GetDirectories($"/proc/{id}/task")))
            {
                try
                {
                    // The kernel cuts the names of threads off.
                    if (File.ReadAllText(Path.Combine(thread, "comm")).StartsWith(".NET Tiered", StringComparison.Ordinal))
                    {
                        _compilers[thread] = Number(File.ReadAllText(Path.Combine(thread, "schedstat")).Split(' ')[0]);
                    }
                }
                catch (IOException)
                {
                    // The thread has ended.
                }
            }

            return TimeSpan.FromMicroseconds(_compilers.Values.Sum() / 1000.0);
        }
    }

    /// <summary>The peak resident memory since the start or <see cref="ResetPeak"/>, in MB.</summary>
    public double PeakMegabytes => Tree(_process.Id).Sum(id => StatusKilobytes(id, "VmHWM:")) / 1024.0;

    /// <summary>The current resident memory, in MB.</summary>
    public double ResidentMegabytes => Tree(_process.Id).Sum(id => StatusKilobytes(id, "VmRSS:")) / 1024.0;

    /// <summary>The CPU time of this program, including finished loads.</summary>
    public static TimeSpan OwnCpuTime => TimeSpan.FromSeconds(CpuTicks("/proc/self/stat", withDeadChildren: true) / TicksPerSecond);

    /// <summary>The busy time of the machine so far, of all processors together.</summary>
    public static TimeSpan MachineCpuTime
    {
        get
        {
            // user nice system idle iowait irq softirq steal: all time in which this machine worked, or was prevented from working.
            var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return TimeSpan.FromSeconds(((int[])[1, 2, 3, 6, 7, 8]).Sum(i => Number(fields[i])) / TicksPerSecond);
        }
    }

    /// <summary>Resets <see cref="PeakMegabytes"/>.</summary>
    public void ResetPeak()
    {
        foreach (var id in Tree(_process.Id))
        {
            File.WriteAllText($"/proc/{id}/clear_refs", "5");
        }
    }

    /// <summary>Asks the process to end, and waits for it.</summary>
    public async Task StopAsync()
    {
        await Tool.RunAsync("kill", "-TERM", _process.Id.ToString(CultureInfo.InvariantCulture));
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static bool IsTuning(string name) =>
        name != "DOTNET_ROOT" && TuningPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    private static IEnumerable<int> Tree(int id)
    {
        yield return id;
        foreach (var child in File.ReadAllText($"/proc/{id}/task/{id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            foreach (var member in Tree((int)Number(child)))
            {
                yield return member;
            }
        }
    }

    private static long CpuTicks(string file, bool withDeadChildren)
    {
        // The second field is the program's name in parentheses and may contain any character; utime is the 12th field after it.
        var stat = File.ReadAllText(file);
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[11..(withDeadChildren ? 15 : 13)].Sum(Number);
    }

    private static long StatusKilobytes(int id, string key)
    {
        var line = File.ReadLines($"/proc/{id}/status").Single(line => line.StartsWith(key, StringComparison.Ordinal));
        return Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
