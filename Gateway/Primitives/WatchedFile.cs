namespace Gateway.Primitives;

/// <summary>
/// Detects changes of a file's content. The file is read only after its <see cref="FileStamp"/> changed. Only a hash of the content is
/// kept. Not thread-safe.
/// </summary>
internal sealed class WatchedFile
{
    private readonly IFileReader _reader;
    private readonly FileChangeDetector _detector;
    private string? _hash;

    /// <summary>Starts to watch. The present content counts as known.</summary>
    /// <param name="path">The absolute path; each check follows symbolic links again. The file need not exist.</param>
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

    /// <summary>Whether the content changed since the last check. Creation and deletion are changes.</summary>
    public bool HasChanged()
    {
        if (!_detector.NeedsRead())
        {
            return false;
        }

        var hash = Hash();
        if (hash == _hash)
        {
            return false;
        }

        _hash = hash;
        return true;
    }

    private string? Hash()
    {
        var content = _reader.Read(Path, int.MaxValue);
        if (content.Fault is not null)
        {
            // The cause of a failed read may go away without a change of the stamp.
            _detector.Distrust();
        }

        return content.Hash;
    }
}
