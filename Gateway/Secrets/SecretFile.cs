using System.Security.Cryptography;
using Gateway.Primitives;

namespace Gateway.Secrets;

/// <summary>A file that settings refer to for a secret, as it was at one moment.</summary>
/// <param name="Path">Its absolute path.</param>
/// <param name="Hash">SHA-256 of its content; <see langword="null"/> when it is missing or cannot be read.</param>
internal readonly record struct SecretFile(string Path, string? Hash)
{
    /// <summary>More than any secret has; a reference to something endless must not be read to its end.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Reads the file.</summary>
    public static (SecretFile File, FileContent Content) Read(string path)
    {
        var content = FileContent.Read(path, MaxBytes);
        return (new SecretFile(path, content.Bytes is { } bytes ? Convert.ToHexString(SHA256.HashData(bytes)) : null), content);
    }

    /// <summary>Whether it is another one now.</summary>
    public bool HasChanged() => Read(Path).File.Hash != Hash;
}
