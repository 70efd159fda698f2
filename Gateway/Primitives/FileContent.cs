using System.Security.Cryptography;

namespace Gateway.Primitives;

/// <summary>The content of a file at one moment.</summary>
/// <param name="Path">Its absolute path; each read follows symbolic links again.</param>
/// <param name="Bytes">Its content; <see langword="null"/> if the file is missing or cannot be read.</param>
/// <param name="Fault">Why it cannot be read; <see langword="null"/> if it was read or is missing.</param>
internal sealed record FileContent(string Path, byte[]? Bytes, string? Fault)
{
    /// <summary>The fault of a path that leads to a pipe or a device where only a regular file is read.</summary>
    public const string SpecialFault = "is a pipe or a device; expected a regular file, which can be read again";

    /// <summary>A pipe or a device has no size, and may have no end.</summary>
    private const int MaxSpecialBytes = 64 * 1024 * 1024;

    /// <summary>Whether it is a pipe, a socket or a device, whose content cannot be read a second time.</summary>
    public bool IsSpecial { get; private init; }

    public bool IsMissing => Bytes is null && Fault is null;

    /// <summary>SHA-256 of the content; <see langword="null"/> if the file is missing or cannot be read.</summary>
    public string? Hash => Bytes is null ? null : Convert.ToHexString(SHA256.HashData(Bytes));

    public static FileContent Missing(string path) => new(path, null, null);

    /// <summary>
    /// Reads a file, or a pipe or device to its end: a shell passes <c>&lt;(command)</c> as a pipe. Waits for the writer of a pipe.
    /// </summary>
    /// <param name="path">The absolute path of the file.</param>
    /// <param name="maxBytes">The maximum size; a larger file is a fault. Default: no limit but that of a pipe.</param>
    public static FileContent Read(string path, int maxBytes = int.MaxValue) =>
        FileStamp.IsSpecial(path)
            ? Open(path, Math.Min(maxBytes, MaxSpecialBytes)) with { IsSpecial = true }
            : Open(path, maxBytes);

    /// <summary>
    /// Reads a file while the gateway runs. Anything but a regular file is a fault and not opened: the open of a pipe without a writer does
    /// not return, and would stop the watch and the end of the process.
    /// </summary>
    /// <inheritdoc cref="Read" />
    public static FileContent ReadRegular(string path, int maxBytes = int.MaxValue) =>
        FileStamp.IsSpecial(path) ? new FileContent(path, null, SpecialFault) { IsSpecial = true } : Open(path, maxBytes);

    private static FileContent Open(string path, int maxBytes)
    {
        try
        {
            // Editors and volume mounts replace the file while it is open.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

            // The capacity is the file's size, so the array is not copied unless the file grows during the read.
            var size = file.CanSeek ? file.Length : 0;
            using var content = new MemoryStream((int)Math.Min(size, maxBytes));
            var buffer = new byte[Math.Clamp(size, 512, 16 * 1024)];
            while (file.Read(buffer) is > 0 and var count)
            {
                if (content.Length + count > maxBytes)
                {
                    return new FileContent(path, null, $"is larger than {maxBytes} bytes");
                }

                content.Write(buffer, 0, count);
            }

            return new FileContent(path, content.Length == content.Capacity ? content.GetBuffer() : content.ToArray(), null);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return Missing(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // .NET reports a folder as "access denied".
            return new FileContent(
                path, null, Directory.Exists(path) ? "is a folder; expected a file" : $"cannot be read: {fault.Message.TrimEnd('.')}");
        }
    }

    public bool HasSameContent(FileContent other) =>
        ReferenceEquals(this, other)
        || (Bytes is null || other.Bytes is null ? Bytes == other.Bytes && Fault == other.Fault : Bytes.AsSpan().SequenceEqual(other.Bytes));
}
