using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HopBenchmark;

/// <summary>The versions of the measured programs and of the machine.</summary>
internal static class Versions
{
    public static async Task<IReadOnlyList<(string Name, string Version)>> ReadAsync(string yarpProgram)
    {
        var yarp = FileVersionInfo.GetVersionInfo(Path.Combine(Path.GetDirectoryName(yarpProgram)!, "Yarp.ReverseProxy.dll"));
        var processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            ?? ":" + RuntimeInformation.OSArchitecture;
        return
        [
            ("runtime", RuntimeInformation.FrameworkDescription),
            ("YARP", yarp.ProductVersion!.Split('+')[0]),
            ("nginx", Tool.Exists("nginx") ? (await Tool.RunAsync("nginx", "-v")).Trim().Split('/')[^1] : "none"),
            ("Portkey", Portkey.Version),
            ("node", Tool.Exists("node") ? (await Tool.RunAsync("node", "--version")).Trim() : "none"),
            ("wrk", Tool.Exists("wrk") ? (await Tool.RunAsync("wrk", "-v")).Split(' ')[1] : "none"),
            ("kernel", File.ReadAllText("/proc/sys/kernel/osrelease").Trim()),
            ("machine", $"{Environment.ProcessorCount} cores, {processor.Split(':')[1].Trim()}"),
        ];
    }
}
