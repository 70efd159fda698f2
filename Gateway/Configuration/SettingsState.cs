using Gateway.Configuration.Reading;

namespace Gateway.Configuration;

/// <summary>What the health page says of the settings. Immutable.</summary>
internal sealed record SettingsState
{
    /// <summary>Version of the settings in force.</summary>
    public required string Version { get; init; }

    /// <summary>Since when they are in force.</summary>
    public required DateTimeOffset LoadedAt { get; init; }

    /// <summary>When a change was last seen, good or bad; <see langword="null"/> when none was since the start.</summary>
    public DateTimeOffset? LastReloadAt { get; init; }

    /// <summary>Whether the last change was taken; <see langword="true"/> when there was none.</summary>
    public bool LastReloadSucceeded { get; init; } = true;

    /// <summary>What is wrong with the last change; empty when it was taken.</summary>
    public IReadOnlyList<SettingsFault> Faults { get; init; } = [];

    /// <summary>Settings that differ from those that the process was started with and wait for a restart.</summary>
    public IReadOnlyList<string> RestartRequired { get; init; } = [];
}
