using System.Diagnostics;
using System.Globalization;

namespace Soak;

/// <summary>A program that this one starts and stops, and its figures from <c>/proc</c>.</summary>
internal sealed class ServedProcess : IDisposable
{
    // The unit of /proc (USER_HZ), the same on every Linux that .NET supports.
    private const double TicksPerSecond = 100;

    // Environment variables of the caller that would tune a program.
    private static readonly string[] TuningPrefixes = ["DOTNET_", "COMPlus_", "ASPNETCORE_", "GATEWAY_", "OTEL_"];

    private static readonly string[] LibraryEndings = [".dll", ".so", ".pdb"];

    private readonly Process _process;

    private ServedProcess(Process process, string output)
    {
        _process = process;
        Output = output;
    }

    /// <summary>The file with its output.</summary>
    public string Output { get; }

    public bool HasExited => _process.HasExited;

    public int Id => _process.Id;

    /// <summary>User and system time so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            // The second field is the program's name in parentheses and may contain any character; utime is the 12th field after it.
            var stat = File.ReadAllText($"/proc/{Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
        }
    }

    /// <summary>Starts a program with its output redirected to a file, as in a container.</summary>
    public static ServedProcess Start(string folder, string name, IEnumerable<string> command)
    {
        // exec keeps the process id: the measured process is the program and not the shell.
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

    /// <summary>
    /// Sends SIGTERM, like an orchestrator. Returns the exit code; <see langword="null"/> if the program does not end in time.
    /// </summary>
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

    /// <summary>Takes a sample of the program's resources.</summary>
    /// <param name="at">The time since the load began.</param>
    /// <param name="before">The previous sample, for the processor share.</param>
    public Sample Take(TimeSpan at, Sample? before)
    {
        var status = File.ReadLines($"/proc/{Id}/status").ToList();
        var sockets = 0;
        var files = 0;
        foreach (var file in new DirectoryInfo($"/proc/{Id}/fd").EnumerateFileSystemInfos())
        {
            // The runtime loads libraries on first use and keeps their files open.
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

    // A file that was closed after it was listed has no target any more.
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
