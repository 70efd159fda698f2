using System.Diagnostics;
using System.Globalization;
using System.Net;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>
/// A <c>/etc/hosts</c> that belongs to one test: the test runs once more in a process of its own, in a mount namespace in which a file of its
/// own stands at that path. Names then resolve as on any machine. Skips the test where there are no such namespaces.
/// </summary>
internal static class PrivateHosts
{
    /// <summary>The name whose address the test decides.</summary>
    public const string Name = "upstream.test";

    private const string FileVariable = "GATEWAY_TESTS_HOSTS_FILE";
    private const string Mount = "mount --bind \"$1\" /etc/hosts";

    /// <summary>Whether this process has it.</summary>
    public static bool IsInside => HostsFile is not null;

    private static string? HostsFile => Environment.GetEnvironmentVariable(FileVariable);

    /// <summary>Gives <see cref="Name"/> another address.</summary>
    public static void Point(IPAddress address) => Write(HostsFile!, address);

    /// <summary>Runs a test in such a process.</summary>
    /// <param name="test">The class and the name of a test that has one case.</param>
    public static async Task RunAsync((Type Class, string Method) test)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Programs.Find("unshare") is not null, "There are no mount namespaces here.");
        using var folder = new TempFolder();
        var file = folder.File("hosts");
        Write(file, IPAddress.Loopback);
        IReadOnlyList<string> alone = ["unshare", "--mount"];
        IReadOnlyList<string> asUser = ["unshare", "--user", "--map-root-user", "--mount"];
        var through = await CanResolveAsync(alone, file) ? alone : await CanResolveAsync(asUser, file) ? asUser : null;
        Assert.SkipWhen(through is null, "This user may not mount a file of its own at /etc/hosts, or names do not resolve by it.");

        await using var process = GatewayProcess.Start(
            ["-method", $"{test.Class.FullName}.{test.Method}"],
            AppContext.BaseDirectory,
            new Dictionary<string, string> { [FileVariable] = file },
            [.. through!, "sh", "-c", $"{Mount}; shift; exec \"$@\"", "sh", file],
            Path.Combine(AppContext.BaseDirectory, $"{typeof(PrivateHosts).Assembly.GetName().Name}.dll"));
        var output = await process.WaitForExitAsync();

        Assert.True(output.ExitCode == 0 && output.Out.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", StringComparison.Ordinal), output.All);
    }

    private static void Write(string file, IPAddress address) =>
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1 localhost\n{address} {Name}\n"));

    private static async Task<bool> CanResolveAsync(IReadOnlyList<string> through, string file)
    {
        using var process = Process.Start(new ProcessStartInfo(
            through[0], [.. through.Skip(1), "sh", "-c", $"{Mount} && getent hosts {Name}", "sh", file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0;
    }
}
