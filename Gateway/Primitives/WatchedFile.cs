using System.Security.Cryptography;

namespace Gateway.Primitives;

/// <summary>
/// Notices when a file's content changes. The file is read only when its <see cref="FileStamp"/> changed lately; only a hash of the
/// content is kept. Not safe for use by several threads at a time.
/// </summary>
internal sealed class WatchedFile
{
    private readonly IFileReader _reader;
    private readonly FileChangeDetector _detector;
    private byte[] _hash;

    /// <summary>Begins to watch; the content of this moment counts as known.</summary>
    /// <param name="path">The file, absolute; each look follows symbolic links anew. It need not exist.</param>
    public WatchedFile(string path)
        : this(path, DiskFileReader.Instance, TimeProvider.System)
    {
    }

    /// <inheritdoc cref="WatchedFile(string)" />
    /// <param name="path">The file.</param>
    /// <param name="reader">Reads it.</param>
    /// <param name="time">The clock.</param>
    public WatchedFile(string path, IFileReader reader, TimeProvider time)
    {
        Path = path;
        _reader = reader;
        _detector = new FileChangeDetector(path, reader, time);
        _detector.NeedsRead();
        _hash = Hash();
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Whether the content differs from that of the last look. Appearing and vanishing are changes.</summary>
    public bool HasChanged()
    {
        if (!_detector.NeedsRead())
        {
            return false;
        }

        var hash = Hash();
        if (hash.AsSpan().SequenceEqual(_hash))
        {
            return false;
        }

        _hash = hash;
        return true;
    }

    private byte[] Hash()
    {
        var content = _reader.Read(Path, int.MaxValue);
        if (content.Fault is not null)
        {
            // The cause of a failed read need not show in the stamp.
            _detector.Distrust();
        }

        return content.Bytes is { } bytes ? SHA256.HashData(bytes) : [];
    }
}
