namespace Gateway.Primitives;

/// <summary>
/// Creates files for the gateway's user only (mode 0600): ledger, locks and prices show the usage and the costs of teams. Files that exist
/// keep their mode. On Windows the folder's permissions apply.
/// </summary>
internal static class PrivateFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Creates the folder of a file unless it exists.</summary>
    public static void EnsureFolderOf(string path)
    {
        if (Path.GetDirectoryName(path) is { } folder && !Directory.Exists(folder))
        {
            _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(folder) : Directory.CreateDirectory(folder, Mode | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Creates an empty file unless it exists.</summary>
    public static void EnsureExists(string path)
    {
        if (!File.Exists(path))
        {
            Open(path, FileMode.OpenOrCreate, FileShare.ReadWrite).Dispose();
        }
    }

    /// <summary>Creates or overwrites a file.</summary>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await using var file = Open(path, FileMode.Create, FileShare.Read);
        await file.WriteAsync(content, cancellationToken);
    }

    /// <summary>Opens a file without a buffer for reading and writing.</summary>
    public static FileStream Open(string path, FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (mode != FileMode.Open && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Mode;
        }

        return new FileStream(path, options);
    }
}
