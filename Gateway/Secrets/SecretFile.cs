using Gateway.Primitives;

namespace Gateway.Secrets;

/// <summary>A secret file that the settings refer to, as it was when they were loaded.</summary>
/// <param name="Path">Its absolute path.</param>
/// <param name="Hash">The <see cref="FileContent.Hash"/> of its content.</param>
internal readonly record struct SecretFile(string Path, string? Hash)
{
    /// <summary>Larger files count as unreadable: no secret is that long, and a reference may name a device without an end.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Reads the file.</summary>
    public static (SecretFile File, FileContent Content) Read(string path)
    {
        var content = FileContent.Read(path, MaxBytes);
        return (new SecretFile(path, content.Hash), content);
    }
}
