using Gateway.Configuration.Reading;
using Gateway.Primitives;

namespace Gateway.Configuration;

/// <summary>
/// Compares <c>TeamsFolder</c> with the files that the settings were loaded from. The folder is listed, and a file is
/// read, only after its stamp changed. Not thread-safe.
/// </summary>
internal sealed class LoadedTeamFolder
{
    private readonly string _path;
    private readonly string[] _loaded;
    private readonly LoadedFiles _files;
    private readonly FileChangeDetector _list;

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
        _list = new FileChangeDetector(() => FileStamp.OfFolder(loaded.Path), time);
    }

    /// <summary>Whether files were added, removed or renamed, or one of the next files differs from its loaded content.</summary>
    public bool HasChanged() => HasListChanged() || _files.HasChanged();

    /// <summary>Whether anything differs: every file is compared.</summary>
    public bool HasAnyChanged() => HasListChanged() || _files.HasAnyChanged();

    private bool HasListChanged()
    {
        if (!_list.NeedsRead())
        {
            return false;
        }

        try
        {
            return !TeamFolder.List(_path).SequenceEqual(_loaded, StringComparer.Ordinal);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The cause may go away without a change of the stamp. A folder that could not be read is compared with an empty list.
            _list.Distrust();
            return _loaded.Length > 0;
        }
    }
}
