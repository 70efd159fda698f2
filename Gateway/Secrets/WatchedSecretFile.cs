using Gateway.Primitives;

namespace Gateway.Secrets;

/// <summary>
/// Compares a secret file with the content that the settings were loaded with. The file is read only after its <see cref="FileStamp"/>
/// changed. Only a hash of the content is kept. Not thread-safe.
/// </summary>
internal sealed class WatchedSecretFile
{
    private readonly SecretFile _loaded;
    private readonly IFileReader _reader;
    private readonly FileChangeDetector _detector;
    private SecretFile _current;

    public WatchedSecretFile(SecretFile loaded, IFileReader reader, TimeProvider time)
    {
        _loaded = loaded;
        _current = loaded;
        _reader = reader;
        _detector = new FileChangeDetector(loaded.Path, reader, time);
    }

    /// <summary>
    /// Whether the content differs from the loaded one. The result stays <see langword="true"/> until the settings are loaded again.
    /// </summary>
    public bool HasChanged()
    {
        if (_detector.NeedsRead())
        {
            (_current, var content) = SecretFile.Read(_loaded.Path, _reader);
            if (content.Fault is not null)
            {
                // The cause of a failed read may go away without a change of the stamp.
                _detector.Distrust();
            }
        }

        return _current != _loaded;
    }
}
