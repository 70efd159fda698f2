namespace Gateway.Primitives;

/// <summary>
/// Decides whether a file must be read to know its content. An unchanged <see cref="FileStamp"/> saves the read, except during the first
/// two seconds after the stamp was first seen: a second write within the resolution of the file system's clock does not change the stamp.
/// Not thread-safe.
/// </summary>
internal sealed class FileChangeDetector
{
    /// <summary>
    /// The time for which a new stamp is not trusted. FAT has the coarsest clock of the file systems in use, two seconds. The time is
    /// measured with this machine's monotonic clock, so the clock of a file server does not matter.
    /// </summary>
    internal static readonly TimeSpan Settling = TimeSpan.FromSeconds(2);

    private readonly string _path;
    private readonly IFileReader _reader;
    private readonly TimeProvider _time;
    private FileStamp? _stamp;
    private long _stampSeenAt;
    private bool _isSettled;

    public FileChangeDetector(string path, IFileReader reader, TimeProvider time)
    {
        _path = path;
        _reader = reader;
        _time = time;
    }

    /// <summary>
    /// Compares the file's stamp with the last one. Returns <see langword="true"/> if the caller must read the file now. The stamp is taken
    /// before the read, so a write in between changes the next stamp.
    /// </summary>
    public bool NeedsRead()
    {
        var stamp = _reader.StampOf(_path);
        var now = _time.GetTimestamp();
        if (stamp is null || stamp != _stamp)
        {
            _stamp = stamp;
            _stampSeenAt = now;
            _isSettled = false;
            return true;
        }

        if (_isSettled)
        {
            return false;
        }

        _isSettled = _time.GetElapsedTime(_stampSeenAt, now) >= Settling;
        return true;
    }

    /// <summary>Forgets the stamp: the next <see cref="NeedsRead"/> returns <see langword="true"/>.</summary>
    public void Distrust() => _stamp = null;
}
