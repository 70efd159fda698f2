namespace Gateway.Primitives;

/// <summary>
/// Compares a file with the content that the settings were loaded with. The file is read only after its <see cref="FileStamp"/> changed.
/// Only a hash of the content is kept. Not thread-safe.
/// </summary>
internal sealed class LoadedFile
{
    private readonly string _path;
    private readonly string? _loaded;
    private readonly int _maxBytes;
    private readonly IFileReader _reader;
    private readonly FileChangeDetector _detector;
    private string? _current;

    /// <summary>Creates the comparison.</summary>
    /// <param name="path">Its absolute path.</param>
    /// <param name="loaded">The <see cref="FileContent.Hash"/> of the content that was loaded.</param>
    /// <param name="maxBytes">The maximum size; a larger file counts as unreadable.</param>
    /// <param name="reader">Reads the file.</param>
    /// <param name="time">The clock.</param>
    public LoadedFile(string path, string? loaded, int maxBytes, IFileReader reader, TimeProvider time)
    {
        _path = path;
        _loaded = loaded;
        _current = loaded;
        _maxBytes = maxBytes;
        _reader = reader;
        _detector = new FileChangeDetector(path, reader, time);
    }

    /// <summary>
    /// Whether the content differs from the loaded one. The result stays <see langword="true"/> until the settings are loaded again.
    /// </summary>
    public bool HasChanged()
    {
        if (_detector.NeedsRead())
        {
            var content = _reader.Read(_path, _maxBytes);
            _current = content.Hash;
            if (content.Fault is not null)
            {
                // The cause of a failed read may go away without a change of the stamp.
                _detector.Distrust();
            }
        }

        return _current != _loaded;
    }
}
