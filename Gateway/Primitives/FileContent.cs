namespace Gateway.Primitives;

/// <summary>What a file held at one moment.</summary>
/// <param name="Path">Its absolute path; symbolic links in it are followed anew at each read.</param>
/// <param name="Bytes">Its content, or <see langword="null"/> when it is missing or cannot be read.</param>
/// <param name="Fault">Why it cannot be read; <see langword="null"/> when it was read or is missing.</param>
internal sealed record FileContent(string Path, byte[]? Bytes, string? Fault)
{
    /// <summary>Whether there is no such file.</summary>
    public bool IsMissing => Bytes is null && Fault is null;

    public static FileContent Missing(string path) => new(path, null, null);

    /// <summary>Reads a file.</summary>
    /// <param name="path">Its absolute path.</param>
    /// <param name="maxBytes">Beyond which it is at fault. Default no end.</param>
    public static FileContent Read(string path, int maxBytes = int.MaxValue)
    {
        try
        {
            // Editors and volume mounts replace the file while it is open here.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

            // It is looked at several times a second, so it takes one array of the right size where it does not grow meanwhile.
            using var content = new MemoryStream((int)Math.Min(file.Length, maxBytes));
            var buffer = new byte[Math.Clamp(file.Length, 512, 16 * 1024)];
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
            // .NET says of a folder that access to it is denied.
            return new FileContent(
                path, null, Directory.Exists(path) ? "is a folder; expected a file" : $"cannot be read: {fault.Message.TrimEnd('.')}");
        }
    }

    public bool HasSameContent(FileContent other) =>
        ReferenceEquals(this, other)
        || (Bytes is null || other.Bytes is null ? Bytes == other.Bytes && Fault == other.Fault : Bytes.AsSpan().SequenceEqual(other.Bytes));
}
