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

    private readonly Func<FileStamp?> _read;
    private readonly TimeProvider _time;
    private FileStamp? _stamp;
    private long _stampSeenAt;
    private bool _isSettled;

    public FileChangeDetector(string path, IFileReader reader, TimeProvider time)
        : this(() => reader.StampOf(path), time)
    {
    }

    /// <summary>Creates a detector of anything that has a stamp.</summary>
    /// <param name="stamp">Reads the stamp; <see langword="null"/> if no stamp can represent the content.</param>
    /// <param name="time">The clock.</param>
    public FileChangeDetector(Func<FileStamp?> stamp, TimeProvider time)
    {
        _read = stamp;
        _time = time;
    }

    /// <summary>
    /// Compares the file's stamp with the last one. Returns <see langword="true"/> if the caller must read the file now. The stamp is taken
    /// before the read, so a write in between changes the next stamp.
    /// </summary>
    public bool NeedsRead()
    {
        var stamp = _read();
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
