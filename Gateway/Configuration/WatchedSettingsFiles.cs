using Gateway.Configuration.Reading;
using Gateway.Primitives;

namespace Gateway.Configuration;

/// <summary>The settings files, read again only after their stamps changed. Not thread-safe.</summary>
internal sealed class WatchedSettingsFiles
{
    private readonly IFileReader _reader;
    private readonly FileChangeDetector _main;
    private readonly FileChangeDetector? _overlay;
    private readonly FileChangeDetector _dotEnv;

    /// <param name="sources">The paths of the files.</param>
    /// <param name="files">Their content as last read.</param>
    /// <param name="reader">Reads the files.</param>
    /// <param name="time">The clock.</param>
    public WatchedSettingsFiles(SettingsSources sources, SettingsFiles files, IFileReader reader, TimeProvider time)
    {
        _reader = reader;
        _main = new FileChangeDetector(sources.MainFile, reader, time);
        _overlay = sources.HasOverlay ? new FileChangeDetector(sources.OverlayFile, reader, time) : null;
        _dotEnv = new FileChangeDetector(sources.DotEnvFile, reader, time);
        Current = files;
    }

    /// <summary>The content as last read.</summary>
    public SettingsFiles Current { get; private set; }

    /// <summary>Checks the stamps, and reads the files that may have changed.</summary>
    /// <returns>The content; unchanged files are the same instances.</returns>
    public SettingsFiles Read()
    {
        var main = Read(_main, Current.Main);
        var overlay = _overlay is null ? Current.Overlay : Read(_overlay, Current.Overlay);
        var dotEnv = Read(_dotEnv, Current.DotEnv);
        return Current = ReferenceEquals(main, Current.Main)
            && ReferenceEquals(overlay, Current.Overlay)
            && ReferenceEquals(dotEnv, Current.DotEnv)
                ? Current
                : new SettingsFiles(main, overlay, dotEnv);
    }

    private FileContent Read(FileChangeDetector detector, FileContent last)
    {
        if (!detector.NeedsRead())
        {
            return last;
        }

        var content = _reader.Read(last.Path, int.MaxValue);
        if (content.Fault is not null)
        {
            // The cause of a failed read may go away without a change of the stamp.
            detector.Distrust();
        }

        // The content that the start has read from a pipe stays. The pipe is empty now.
        return (content.IsSpecial && last.IsSpecial) || content.HasSameContent(last) ? last : content;
    }
}
