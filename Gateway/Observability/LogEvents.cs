namespace Gateway.Observability;

/// <summary>Ids of log events. Each folder has a range of its own; an id is never used again for something else.</summary>
internal static class LogEvents
{
    // Configuration: 1000-1099
    public const int SettingsApplied = 1000;
    public const int SettingsRejected = 1001;
    public const int SettingWarned = 1002;
    public const int RestartRequired = 1003;
    public const int SettingsWatchFailed = 1004;
}
