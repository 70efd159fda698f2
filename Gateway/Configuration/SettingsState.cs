using Gateway.Configuration.Reading;

namespace Gateway.Configuration;

/// <summary>The state of the settings on the health page. Immutable.</summary>
internal sealed record SettingsState
{
    /// <summary>The version of the current settings.</summary>
    public required string Version { get; init; }

    /// <summary>The time at which the current settings took effect.</summary>
    public required DateTimeOffset LoadedAt { get; init; }

    /// <summary>The time of the last detected change, valid or not; <see langword="null"/> if there was none since the start.</summary>
    public DateTimeOffset? LastReloadAt { get; init; }

    /// <summary>Whether the last change was accepted; <see langword="true"/> if there was none.</summary>
    public bool LastReloadSucceeded { get; init; } = true;

    /// <summary>The faults of the last change; empty when it was accepted.</summary>
    public IReadOnlyList<SettingsFault> Faults { get; init; } = [];

    /// <summary>Changed settings that take effect at the next restart.</summary>
    public IReadOnlyList<string> RestartRequired { get; init; } = [];
}
