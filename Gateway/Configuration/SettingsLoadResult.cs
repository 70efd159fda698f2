using Gateway.Configuration.Reading;
using Gateway.Secrets;

namespace Gateway.Configuration;

/// <summary>What became of an attempt to load the settings: a good whole, or everything that is wrong.</summary>
internal sealed record SettingsLoadResult
{
    /// <summary>The settings; <see langword="null"/> exactly when there are <see cref="Faults"/>.</summary>
    public SettingsSnapshot? Snapshot { get; init; }

    /// <summary>Everything wrong.</summary>
    public IReadOnlyList<SettingsFault> Faults { get; init; } = [];

    /// <summary>
    /// Whether a file is missing or cannot be read through: perhaps somebody is just writing it, so it is worth another look.
    /// </summary>
    public bool IsUnfinished { get; init; }

    /// <summary>Other files that the settings name; whether they exist decides too.</summary>
    public IReadOnlyList<string> ReferencedFiles { get; init; } = [];

    /// <summary>The files that the settings refer to for secrets, as they were read; their content decides too.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];
}
