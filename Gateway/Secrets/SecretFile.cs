using Gateway.Primitives;

namespace Gateway.Secrets;

/// <summary>A secret file that the settings refer to, as it was when they were loaded.</summary>
/// <param name="Path">Its absolute path.</param>
/// <param name="Hash">The <see cref="FileContent.Hash"/> of its content.</param>
/// <param name="IsSpecial">Whether it is a pipe or a device, whose content cannot be read again and is not watched.</param>
internal readonly record struct SecretFile(string Path, string? Hash, bool IsSpecial)
{
    /// <summary>Larger files count as unreadable: no secret is that long, and a reference may name a device without an end.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Reads the file.</summary>
    /// <param name="path">Its absolute path.</param>
    /// <param name="isReload">Whether the gateway runs, so that a pipe is not opened.</param>
    public static (SecretFile File, FileContent Content) Read(string path, bool isReload)
    {
        var content = isReload ? FileContent.ReadRegular(path, MaxBytes) : FileContent.Read(path, MaxBytes);
        return (new SecretFile(path, content.Hash, content.IsSpecial), content);
    }
}
