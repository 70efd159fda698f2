using System.Diagnostics;
using System.Globalization;

namespace Soak;

/// <summary>A program that this one started and ends, and what <c>/proc</c> says of it.</summary>
internal sealed class ServedProcess : IDisposable
{
    // What /proc counts in (USER_HZ), the same on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    // Settings of the caller's own environment that would tune a program.
    private static readonly string[] TuningPrefixes = ["DOTNET_", "COMPlus_", "ASPNETCORE_", "GATEWAY_", "OTEL_"];

    private static readonly string[] LibraryEndings = [".dll", ".so", ".pdb"];

    private readonly Process _process;

    private ServedProcess(Process process, string output)
    {
        _process = process;
        Output = output;
    }

    /// <summary>The file that it writes to.</summary>
    public string Output { get; }

    public bool HasExited => _process.HasExited;

    public int Id => _process.Id;

    /// <summary>User and system time so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            // The second field is the program's name in brackets and may hold anything; utime is the 12th behind it.
            var stat = File.ReadAllText($"/proc/{Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
        }
    }

    /// <summary>Starts a program whose output goes into a file, as in a container.</summary>
    public static ServedProcess Start(string folder, string name, IEnumerable<string> command)
    {
        // exec keeps the process id, so that what is measured is the program and not the shell.
        var output = Path.Combine(folder, name + ".log");
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = folder };
        foreach (var argument in (string[])["-c", "output=$1; shift; exec \"$@\" >\"$output\" 2>&1", "sh", output, .. command])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var variable in start.Environment.Keys.Where(IsTuning).ToArray())
        {
            start.Environment.Remove(variable);
        }

        return new ServedProcess(Process.Start(start)!, output);
    }

    /// <summary>Asks it to end as an orchestrator does; returns its exit code, or <see langword="null"/> when it takes too long.</summary>
    public async Task<int?> TerminateAsync(TimeSpan patience)
    {
        using (var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        using var limit = new CancellationTokenSource(patience);
        await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _process.HasExited ? _process.ExitCode : null;
    }

    /// <summary>What it holds at this moment.</summary>
    /// <param name="at">The time since the load began.</param>
    /// <param name="before">The sample before this one, for the processor's share.</param>
    public Sample Take(TimeSpan at, Sample? before)
    {
        var status = File.ReadLines($"/proc/{Id}/status").ToList();
        var sockets = 0;
        var files = 0;
        foreach (var file in new DirectoryInfo($"/proc/{Id}/fd").EnumerateFileSystemInfos())
        {
            // The runtime keeps the libraries open that it has loaded, and loads them when they are first needed.
            if (TargetOf(file) is { } target && !LibraryEndings.Contains(Path.GetExtension(target)))
            {
                sockets += target.Contains("socket:", StringComparison.Ordinal) ? 1 : 0;
                files++;
            }
        }

        var cpu = CpuTime;
        var share = before is null ? 0 : (cpu - before.CpuTime) / (at - before.At);
        return new Sample(at, Field("VmRSS:") / 1024.0, (int)Field("Threads:"), files, sockets, cpu, 100 * share);

        long Field(string name)
        {
            var line = status.Single(line => line.StartsWith(name, StringComparison.Ordinal));
            return Number(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    // What is closed between listing and looking has no target any more.
    private static string? TargetOf(FileSystemInfo file)
    {
        try
        {
            return file.LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool IsTuning(string name) =>
        name != "DOTNET_ROOT" && TuningPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
