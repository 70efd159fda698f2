namespace Gateway.Primitives;

/// <summary>
/// Decides whether a file has to be read to know its content. An unchanged <see cref="FileStamp"/> saves the read, except during the
/// first two seconds after the stamp was first seen: a second write within the resolution of the file system's clock leaves the stamp
/// as it is. Not safe for use by several threads at a time.
/// </summary>
internal sealed class FileChangeDetector
{
    /// <summary>
    /// How long a new stamp is not trusted. The coarsest clock of a file system in use (FAT) has two seconds. Measured on this machine's
    /// monotonic clock, so that a file server with another time of day makes no difference.
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
    /// Examines the file. <see langword="true"/> asks the caller to read it now, after the stamp was taken: a write in between shows
    /// itself in the next stamp.
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

    /// <summary>Makes the next look read the file, whatever its stamp.</summary>
    public void Distrust() => _stamp = null;
}
