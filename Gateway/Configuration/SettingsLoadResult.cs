using Gateway.Configuration.Reading;
using Gateway.Secrets;

namespace Gateway.Configuration;

/// <summary>The result of loading the settings: a complete snapshot, or all faults.</summary>
internal sealed record SettingsLoadResult
{
    /// <summary>The settings; <see langword="null"/> exactly when there are <see cref="Faults"/>.</summary>
    public SettingsSnapshot? Snapshot { get; init; }

    /// <summary>All faults.</summary>
    public IReadOnlyList<SettingsFault> Faults { get; init; } = [];

    /// <summary>Whether a file is missing or incomplete. It may be in the middle of a write, so the load is worth repeating.</summary>
    public bool IsUnfinished { get; init; }

    /// <summary>Other files that the settings refer to; the result depends on whether they exist.</summary>
    public IReadOnlyList<string> ReferencedFiles { get; init; } = [];

    /// <summary>The secret files that the settings refer to, as they were read; the result depends on their content.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];
}
