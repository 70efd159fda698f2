using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>Node.js, npm, and the packages of <c>Clients/node</c>, which are installed once into the tests' output folder.</summary>
internal static class NodeToolchain
{
    /// <summary>The oldest line that every pinned SDK supports.</summary>
    private const int OldestNode = 20;

    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(5);

    // npm takes a minute of processor time, beside all other tests.
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(20);
    private static readonly Lazy<Task<string?>> Preparation = new(PrepareAsync);

    /// <summary>Where the scripts and their packages are.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Clients", "node");

    /// <summary>A file of a package.</summary>
    public static string PackageFile(params string[] path) => Path.Combine([Folder, "node_modules", .. path]);

    /// <summary>Installs the missing packages. Returns why the scripts cannot run here, or <see langword="null"/> if they can.</summary>
    public static Task<string?> EnsureAsync() => Preparation.Value;

    /// <summary>Runs a script with these variables and those by which programs are found, but no others: SDKs read many.</summary>
    public static Task<NodeOutput> RunAsync(string script, IReadOnlyDictionary<string, string> environment) =>
        RunAsync(Folder, environment, script);

    /// <inheritdoc cref="RunAsync(string, IReadOnlyDictionary{string, string})"/>
    /// <param name="folder">The working directory.</param>
    /// <param name="environment">The variables.</param>
    /// <param name="script">The script and its arguments.</param>
    public static Task<NodeOutput> RunAsync(string folder, IReadOnlyDictionary<string, string> environment, params string[] script) =>
        RunProgramAsync("node", folder, environment, script);

    /// <summary>Runs another program in the same way: one of the packages, or their Node.js.</summary>
    public static Task<NodeOutput> RunProgramAsync(
        string program, string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = Start(program, arguments);
        start.WorkingDirectory = folder;
        start.Environment.Clear();
        foreach (var name in (ReadOnlySpan<string>)["PATH", "SystemRoot"])
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
            {
                start.Environment[name] = value;
            }
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return RunAsync(start, RunLimit);
    }

    private static async Task<string?> PrepareAsync()
    {
        if (Find("node") is null || Find("npm") is null)
        {
            return $"Node.js {OldestNode} or newer and npm are needed to test the Node clients; one of them is not installed.";
        }

        var version = (await RunAsync(Start("node", "--version"), RunLimit)).Out.Trim();
        if (!int.TryParse(version.TrimStart('v').Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            || major < OldestNode)
        {
            return $"Node.js {OldestNode} or newer is needed to test the Node clients; this is {version}.";
        }

        await InstallAsync();
        return null;
    }

    private static async Task InstallAsync()
    {
        // The stamp names the lock file that was installed, and lies among the packages so that it goes when they do.
        var locked = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(Folder, "package-lock.json"))));
        var stamp = Path.Combine(Folder, "node_modules", $".installed-{locked[..16]}");
        if (File.Exists(stamp))
        {
            return;
        }

        var npm = await RunAsync(
            Start(Find("npm")!, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"),
            InstallLimit);
        if (npm.ExitCode != 0)
        {
            Assert.Fail($"npm ci failed with {npm.ExitCode}:\n{npm.Error}");
        }

        await File.WriteAllTextAsync(stamp, "");
    }

    private static string? Find(string program)
    {
        // On Windows npm is a script.
        string[] names = OperatingSystem.IsWindows() ? [program + ".exe", program + ".cmd"] : [program];
        return names.Select(Programs.Find).FirstOrDefault(static path => path is not null);
    }

    private static ProcessStartInfo Start(string program, params string[] arguments)
    {
        return new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
    }

    private static async Task<NodeOutput> RunAsync(ProcessStartInfo start, TimeSpan limit)
    {
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var guard = HangGuard.Start(limit);
        try
        {
            await process.WaitForExitAsync(guard.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            return new NodeOutput(-1, await output, $"It hung and was ended.\n{await error}");
        }

        return new NodeOutput(process.ExitCode, await output, await error);
    }
}
