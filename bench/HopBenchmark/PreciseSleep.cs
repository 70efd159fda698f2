using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HopBenchmark;

/// <summary>
/// The kernel's own sleep: some 60 µs late at most, where a task's timer is a millisecond coarse. It takes no processor from the hop as
/// spinning would.
/// </summary>
internal static class PreciseSleep
{
    /// <summary>Blocks the thread.</summary>
    /// <param name="due">A timestamp of <see cref="Stopwatch"/>.</param>
    public static void Until(long due)
    {
        TimeSpan rest;
        while ((rest = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due)) > TimeSpan.Zero)
        {
            var request = new TimeSpec(rest.Ticks / TimeSpan.TicksPerSecond, rest.Ticks % TimeSpan.TicksPerSecond * 100);
            _ = NanoSleep(in request, IntPtr.Zero);
        }
    }

    [DllImport("libc", EntryPoint = "nanosleep")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NanoSleep(in TimeSpec request, IntPtr remaining);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);
}
