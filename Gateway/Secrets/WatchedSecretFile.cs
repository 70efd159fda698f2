using Gateway.Primitives;

namespace Gateway.Secrets;

/// <summary>
/// Compares a secret file with the content that the settings were loaded with. The file is read only when its <see cref="FileStamp"/>
/// changed lately; only a hash of the content is kept. Not safe for use by several threads at a time.
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

    /// <summary>Whether the content differs from the loaded one; stays so until the settings are loaded again.</summary>
    public bool HasChanged()
    {
        if (_detector.NeedsRead())
        {
            (_current, var content) = SecretFile.Read(_loaded.Path, _reader);
            if (content.Fault is not null)
            {
                // The cause of a failed read need not show in the stamp.
                _detector.Distrust();
            }
        }

        return _current != _loaded;
    }
}
