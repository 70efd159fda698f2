using Gateway.Primitives;

namespace Gateway.Configuration.Reading;

/// <summary>The content of the settings files at one moment.</summary>
internal sealed record SettingsFiles(FileContent Main, FileContent Overlay, FileContent DotEnv)
{
    /// <summary>Reads all files.</summary>
    public static SettingsFiles Read(SettingsSources sources) => new(
        FileContent.Read(sources.MainFile),
        sources.HasOverlay ? FileContent.Read(sources.OverlayFile) : FileContent.Missing(sources.OverlayFile),
        FileContent.Read(sources.DotEnvFile));

    /// <summary>Whether every file has the same content, regardless of its stamp.</summary>
    public bool HasSameContent(SettingsFiles other) =>
        Main.HasSameContent(other.Main) && Overlay.HasSameContent(other.Overlay) && DotEnv.HasSameContent(other.DotEnv);
}
