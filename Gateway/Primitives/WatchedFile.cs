using System.Security.Cryptography;

namespace Gateway.Primitives;

/// <summary>
/// Notices when a file's content changes, by its hash: time stamps lie after renames, on mounts and for symbolic links. Not safe for use
/// by several threads at a time.
/// </summary>
internal sealed class WatchedFile
{
    private byte[] _hash;

    /// <summary>Begins to watch; the content of this moment counts as known.</summary>
    /// <param name="path">The file; links on the way to it are followed anew at each look. It need not exist.</param>
    public WatchedFile(string path)
    {
        Path = path;
        _hash = Hash();
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Whether the content is another one than at the last look. Appearing and vanishing are changes.</summary>
    public bool HasChanged()
    {
        var hash = Hash();
        if (hash.AsSpan().SequenceEqual(_hash))
        {
            return false;
        }

        _hash = hash;
        return true;
    }

    private byte[] Hash() => FileContent.Read(Path).Bytes is { } content ? SHA256.HashData(content) : [];
}
