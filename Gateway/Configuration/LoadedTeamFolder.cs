using Gateway.Configuration.Reading;
using Gateway.Primitives;

namespace Gateway.Configuration;

/// <summary>
/// Compares <c>TeamsFolder</c> with the files that the settings were loaded from. The folder is listed only after its time changed, and a file
/// is read only after its stamp changed. Not thread-safe.
/// </summary>
internal sealed class LoadedTeamFolder
{
    private readonly string _path;
    private readonly string[] _loaded;
    private readonly LoadedFiles _files;
    private readonly TimeProvider _time;
    private ((ulong Device, ulong Inode)? Identity, DateTime Time) _stamp;
    private long _stampSeenAt;
    private bool _isSettled;

    /// <summary>Creates the comparison.</summary>
    /// <param name="loaded">The folder as it was loaded.</param>
    /// <param name="reader">Reads the files.</param>
    /// <param name="time">The clock.</param>
    public LoadedTeamFolder(TeamFolder loaded, IFileReader reader, TimeProvider time)
    {
        _path = loaded.Path;
        _loaded = [.. loaded.Files.Select(static file => file.Path)];
        _files = new LoadedFiles(
            loaded.Files.Select(file => new LoadedFile(file.Path, file.Hash, TeamFolder.MaxBytes, reader, time)));
        _time = time;
    }

    /// <summary>Whether files were added, removed or renamed, or one of the next files differs from its loaded content.</summary>
    public bool HasChanged() => HasListChanged() || _files.HasChanged();

    /// <summary>Whether anything differs: every file is compared.</summary>
    public bool HasAnyChanged() => HasListChanged() || _files.HasAnyChanged();

    private bool HasListChanged()
    {
        var stamp = (FileStamp.IdentityOf(_path), Directory.GetLastWriteTimeUtc(_path));
        var now = _time.GetTimestamp();
        if (stamp != _stamp)
        {
            _stamp = stamp;
            _stampSeenAt = now;
            _isSettled = false;
        }
        else if (_isSettled)
        {
            return false;
        }
        else
        {
            _isSettled = _time.GetElapsedTime(_stampSeenAt, now) >= FileChangeDetector.Settling;
        }

        try
        {
            return !TeamFolder.List(_path).SequenceEqual(_loaded, StringComparer.Ordinal);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The cause may go away without a change of the folder's time. A folder that could not be read is compared with an empty list.
            _stamp = default;
            return _loaded.Length > 0;
        }
    }
}
