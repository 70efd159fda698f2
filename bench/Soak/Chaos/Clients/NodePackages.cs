using System.Diagnostics;
using HopBenchmark;

namespace Soak.Chaos.Clients;

/// <summary>Node.js and the SDKs from npm, which are installed once into the output folder.</summary>
internal static class NodePackages
{
    // The oldest line that the SDKs support.
    private const int OldestNode = 20;

    /// <summary>The folder of the script and its packages.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Chaos", "node");

    /// <summary>Installs the packages if necessary. Returns why they cannot be used here; <see langword="null"/> if they can.</summary>
    public static async Task<string?> EnsureAsync()
    {
        if (!Tool.Exists("node") || !Tool.Exists("npm"))
        {
            return "node or npm is not installed";
        }

        var version = (await Tool.RunAsync("node", "--version")).Trim();
        if (!int.TryParse(version.TrimStart('v').Split('.')[0], out var major) || major < OldestNode)
        {
            return $"node is {version}, and the SDKs need {OldestNode}";
        }

        return await InstallAsync();
    }

    private static async Task<string?> InstallAsync()
    {
        // The copy of the lock file lies among the packages, so that it goes when they do.
        var locked = await File.ReadAllTextAsync(Path.Combine(Folder, "package-lock.json"));
        var installed = Path.Combine(Folder, "node_modules", ".installed");
        if (File.Exists(installed) && await File.ReadAllTextAsync(installed) == locked)
        {
            return null;
        }

        var start = new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var npm = Process.Start(start)!;
        var error = npm.StandardError.ReadToEndAsync();
        await npm.StandardOutput.ReadToEndAsync();
        await npm.WaitForExitAsync();
        if (npm.ExitCode != 0)
        {
            return $"npm ci failed: {(await error).ReplaceLineEndings(" ").Trim()}";
        }

        await File.WriteAllTextAsync(installed, locked);
        return null;
    }
}
