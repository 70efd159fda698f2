using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Gateway.Tests.Support;

/// <summary>The gateway as a process: the program from the tests' output folder, or a published one.</summary>
internal sealed partial class GatewayProcess : IAsyncDisposable
{
    /// <summary>Names a published program (the NativeAOT build, say) that end-to-end tests are to run against.</summary>
    public const string ProgramVariable = "GATEWAY_TEST_PROGRAM";

    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly StringBuilder _out = new();
    private readonly StringBuilder _error = new();

    private GatewayProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        Printed = new PrintedLines(_process.WaitForExitAsync, () => $"exited with {_process.ExitCode}");
        _process.OutputDataReceived += (_, line) => Note(_out, line.Data);
        _process.ErrorDataReceived += (_, line) => Note(_error, line.Data);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The published program under test, if the environment names one.</summary>
    public static string? PublishedProgram { get; } =
        Environment.GetEnvironmentVariable(ProgramVariable) is { Length: > 0 } path ? path : null;

    /// <summary>The lines that the process has printed, both streams together.</summary>
    public PrintedLines Printed { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>Resident memory in bytes.</summary>
    public long WorkingSet
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>
    /// Starts the program. Variables of the gateway, of the host and of proxies are not inherited, so that only the test's own count.
    /// </summary>
    /// <param name="arguments">The arguments of the program.</param>
    /// <param name="workingDirectory">Its working directory.</param>
    /// <param name="environment">Additional variables.</param>
    /// <param name="through">A command that replaces itself by the program, such as <c>nohup</c>.</param>
    /// <param name="program">The assembly of another program. Default: the gateway.</param>
    public static GatewayProcess Start(
        IReadOnlyList<string> arguments,
        string workingDirectory,
        IReadOnlyDictionary<string, string>? environment = null,
        IReadOnlyList<string>? through = null,
        string? program = null)
    {
        IReadOnlyList<string> command =
        [
            .. IgnoresSignals() ? ["env", "--default-signal=INT,QUIT,HUP"] : Array.Empty<string>(),
            .. through ?? [],
            .. program is null && PublishedProgram is { } published
                ? [published]
                : new[] { "dotnet", program ?? Path.Combine(AppContext.BaseDirectory, "Gateway.dll") },
            .. arguments,
        ];
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var name in start.Environment.Keys.Where(IsForTheGateway).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return new GatewayProcess(start);
    }

    /// <summary>
    /// Whether this process ignores SIGINT or SIGQUIT, as a shell without job control makes the processes that it starts in the background, or
    /// SIGHUP, as under <c>nohup</c>. A process inherits that, and .NET leaves an ignored signal ignored.
    /// </summary>
    private static bool IgnoresSignals()
    {
        const string Status = "/proc/self/status";
        const string Mask = "SigIgn:";
        const ulong HangUpInterruptOrQuit = (1UL << (1 - 1)) | (1UL << (2 - 1)) | (1UL << (3 - 1));
        return File.Exists(Status)
            && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Mask, StringComparison.Ordinal)) is { } line
            && (ulong.Parse(line.AsSpan(Mask.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & HangUpInterruptOrQuit) != 0;
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<GatewayOutput> RunAsync(
        IReadOnlyList<string> arguments, string workingDirectory, IReadOnlyDictionary<string, string>? environment = null)
    {
        await using var process = Start(arguments, workingDirectory, environment);
        return await process.WaitForExitAsync();
    }

    /// <summary>Waits for the line that names the listening address: <c>http://127.0.0.1:PORT</c>, and not the upstream's.</summary>
    public async Task<Uri> WaitForAddressAsync(string? upstream)
    {
        Uri? address = null;
        await Printed.WaitForAsync(line => (address = AddressIn(line, upstream)) is not null, "its listening address");
        return address!;
    }

    /// <summary>Asks the process to end: as an orchestrator does, or with <c>INT</c> as a terminal does.</summary>
    public async Task TerminateAsync(string signal = "TERM")
    {
        using var kill = Process.Start("kill", ["-" + signal, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Waits for the end of the process and returns its output.</summary>
    public async Task<GatewayOutput> WaitForExitAsync()
    {
        using var limit = HangGuard.Start();
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The gateway did not end; it printed:\n{Printed.Text}");
        }

        lock (_gate)
        {
            return new GatewayOutput(_process.ExitCode, _out.ToString(), _error.ToString());
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    /// <summary>
    /// Whether a variable is one of the gateway, of the host, of its garbage collector or of proxies. Programs under test do not inherit it.
    /// </summary>
    public static bool IsForTheGateway(string name)
    {
        return name.StartsWith("GATEWAY_", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase)
            || name.Equals("DOTNET_ENVIRONMENT", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("DOTNET_GC", StringComparison.OrdinalIgnoreCase)
            || name.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase)
            || name.Contains("__", StringComparison.Ordinal);
    }

    private static Uri? AddressIn(string line, string? upstream)
    {
        var upstreamPort = upstream is null ? 0 : new Uri(upstream).Port;
        return LoopbackAddress().Matches(line).Select(match => new Uri(match.Value)).FirstOrDefault(uri => uri.Port != upstreamPort);
    }

    private void Note(StringBuilder stream, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            stream.Append(line).Append('\n');
        }

        Printed.Add(line);
    }

    [GeneratedRegex(@"https?://127\.0\.0\.1:[1-9]\d*(?![\d/])")]
    private static partial Regex LoopbackAddress();
}
