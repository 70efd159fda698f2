using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HopBenchmark;

/// <summary>
/// A sleep by the kernel: at most about 60 µs late, while a task's timer has a resolution of a millisecond. Unlike spinning, it takes no
/// processor time from the hop.
/// </summary>
internal static class PreciseSleep
{
    /// <summary>Blocks the thread until a time.</summary>
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
