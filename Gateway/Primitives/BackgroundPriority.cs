using System.Runtime.InteropServices;

namespace Gateway.Primitives;

/// <summary>The priority of a thread whose work can wait for that of requests.</summary>
internal static class BackgroundPriority
{
    /// <summary>
    /// The nice value on Linux: on a processor that a request needs too, the thread gets a quarter of the time, and all of the time that requests
    /// leave.
    /// </summary>
    public const int Nice = 5;

    private const int Process = 0;
    private const int CallingThread = 0;

    /// <summary>Lowers the priority of the calling thread for the rest of its life, unless it is lower already.</summary>
    public static void Enter()
    {
        if (OperatingSystem.IsLinux())
        {
            // .NET ignores Thread.Priority on Linux, where a nice value belongs to a thread (setpriority(2), "C library/kernel differences").
            if (NativeMethods.GetPriority(Process, CallingThread) < Nice)
            {
                _ = NativeMethods.SetPriority(Process, CallingThread, Nice);
            }
        }
        else
        {
            Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
        }
    }

    private static class NativeMethods
    {
#pragma warning disable SYSLIB1054 // LibraryImport would need unsafe code to be allowed in the whole program.
        [DllImport("libc", EntryPoint = "getpriority")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int GetPriority(int which, int who);

        [DllImport("libc", EntryPoint = "setpriority")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int SetPriority(int which, int who, int priority);
#pragma warning restore SYSLIB1054
    }
}
