using System.Runtime.InteropServices;
using System.Text;

namespace Gateway.Primitives;

/// <summary>
/// Identity, size and times of the file at a path, symbolic links followed. Equal stamps mean the same content, except for writes within
/// the resolution of the file system's clock; <see cref="FileChangeDetector"/> covers those.
/// </summary>
/// <remarks>
/// Read with Linux's <c>statx</c>. .NET exposes neither the inode nor the change time. Size and modification time alone would miss a
/// replacement of the same size with a restored modification time (<c>cp -p</c>, <c>touch -r</c>).
/// </remarks>
/// <param name="Device">The file system.</param>
/// <param name="Inode">
/// The file's number in the file system. Renaming another file to the path or replacing a symbolic link changes it.
/// </param>
/// <param name="Size">Length in bytes.</param>
/// <param name="Modified">Time of the last write, in nanoseconds.</param>
/// <param name="Changed">Time of the last write or change of metadata, in nanoseconds. No program can set it.</param>
internal readonly record struct FileStamp(ulong Device, ulong Inode, ulong Size, Int128 Modified, Int128 Changed)
{
    private const int RegularFile = 0x8000;
    private const int Folder = 0x4000;
    private const int FileTypeMask = 0xF000;
    private const int CurrentDirectory = -100;

    // Network file systems ask their server: a stamp from the client's attribute cache may be a minute old.
    private const int ForceSync = 0x2000;
    private const uint BasicStatistics = 0x7FF;
    private const int NoSuchFile = 2;
    private const int NotADirectory = 20;

    private static volatile bool _isUnavailable = !OperatingSystem.IsLinux();

    /// <summary>The stamp of a path without a file.</summary>
    public static FileStamp Missing { get; }

    /// <summary>Reads the stamp of the file at an absolute path.</summary>
    /// <returns>
    /// <see langword="null"/> if a stamp cannot represent the content: on systems other than Linux, for anything but regular files, for
    /// empty files (files in <c>/proc</c> report size 0), and for paths that cannot be examined.
    /// </returns>
    public static FileStamp? Of(string path)
    {
        if (!TryRead(path, out var status))
        {
            return null;
        }

        return status is not { } file ? Missing
            : (file.Mode & FileTypeMask) != RegularFile || file.Size == 0 ? null
            : Create(file);
    }

    /// <summary>Reads the stamp of the list of names in the folder at an absolute path.</summary>
    /// <returns><see langword="null"/> on systems other than Linux, and for anything but a folder that can be examined.</returns>
    public static FileStamp? OfFolder(string path) =>
        TryRead(path, out var status) && status is { } folder && (folder.Mode & FileTypeMask) == Folder ? Create(folder) : null;

    /// <summary>The identity of the file at an absolute path, regardless of its content.</summary>
    /// <returns>
    /// The default value for a path without a file; <see langword="null"/> on systems other than Linux and for paths that cannot be examined.
    /// </returns>
    public static (ulong Device, ulong Inode)? IdentityOf(string path) =>
        !TryRead(path, out var status) ? null : status is { } file ? (DeviceOf(file), file.Inode) : default((ulong, ulong));

    /// <summary>Whether an absolute path leads to something that is neither a regular file nor a folder: a pipe, a socket or a device.</summary>
    /// <returns><see langword="false"/> also on systems other than Linux and for paths that cannot be examined.</returns>
    public static bool IsSpecial(string path) =>
        TryRead(path, out var status) && status is { } file && (file.Mode & FileTypeMask) is not (RegularFile or Folder);

    private static FileStamp Create(in Status file) => new(
        DeviceOf(file),
        file.Inode,
        file.Size,
        Nanoseconds(file.ModifiedSeconds, file.ModifiedNanoseconds),
        Nanoseconds(file.ChangedSeconds, file.ChangedNanoseconds));

    private static ulong DeviceOf(in Status file) => ((ulong)file.DeviceMajor << 32) | file.DeviceMinor;

    /// <summary>Examines a path.</summary>
    /// <param name="path">The absolute path.</param>
    /// <param name="file">The file at the path; <see langword="null"/> if there is none.</param>
    /// <returns>Whether the path could be examined.</returns>
    private static bool TryRead(string path, out Status? file)
    {
        file = null;
        if (_isUnavailable)
        {
            return false;
        }

        try
        {
            // A byte array is blittable: it needs neither a marshaller nor unsafe code.
            var name = new byte[Encoding.UTF8.GetByteCount(path) + 1];
            Encoding.UTF8.GetBytes(path, name);
            if (NativeMethods.Statx(CurrentDirectory, name, ForceSync, BasicStatistics, out var status) != 0)
            {
                return Marshal.GetLastPInvokeError() is NoSuchFile or NotADirectory;
            }

            file = status;
            return true;
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            // The C library has no statx: every check reads the content.
            _isUnavailable = true;
            return false;
        }
    }

    private static Int128 Nanoseconds(long seconds, uint rest) => ((Int128)seconds * 1_000_000_000) + rest;

    /// <summary>The kernel's <c>struct statx</c>, which has one layout on all architectures.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public ulong Size;

        [FieldOffset(96)]
        public long ChangedSeconds;

        [FieldOffset(104)]
        public uint ChangedNanoseconds;

        [FieldOffset(112)]
        public long ModifiedSeconds;

        [FieldOffset(120)]
        public uint ModifiedNanoseconds;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    private static class NativeMethods
    {
#pragma warning disable SYSLIB1054 // LibraryImport would need unsafe code to be allowed in the whole program.
        [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Statx(int directory, byte[] path, int flags, uint mask, out Status status);
#pragma warning restore SYSLIB1054
    }
}
