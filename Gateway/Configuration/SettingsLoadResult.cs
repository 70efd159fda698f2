using Gateway.Configuration.Reading;
using Gateway.Secrets;

namespace Gateway.Configuration;

/// <summary>The result of loading the settings: a complete snapshot, or all faults.</summary>
internal sealed record SettingsLoadResult
{
    /// <summary>The settings; <see langword="null"/> if and only if there are <see cref="Faults"/>.</summary>
    public SettingsSnapshot? Snapshot { get; init; }

    /// <summary>All faults.</summary>
    public IReadOnlyList<SettingsFault> Faults { get; init; } = [];

    /// <summary>The warnings; those of a snapshot are in it.</summary>
    public IReadOnlyList<SettingsFault> Warnings { get; init; } = [];

    /// <summary>Whether a file is missing or incomplete, as in the middle of a write. The load should be repeated.</summary>
    public bool IsUnfinished { get; init; }

    /// <summary>Other files that the settings refer to. The result depends on their existence.</summary>
    public IReadOnlyList<string> ReferencedFiles { get; init; } = [];

    /// <summary>The secret files that the settings refer to, as they were read. The result depends on their content.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];

    /// <summary>The references to secrets that do not resolve and need not for this load. They are among the warnings.</summary>
    public IReadOnlyList<SettingsFault> UnresolvedSecrets { get; init; } = [];

    /// <summary>The files of the teams, as they were read; <see langword="null"/> without <c>TeamsFolder</c>. The result depends on them.</summary>
    public TeamFolder? TeamFolder { get; init; }
}
