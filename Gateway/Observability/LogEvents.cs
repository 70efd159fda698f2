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

    // Errors: 1100-1199
    public const int ClientLeft = 1100;
    public const int RequestFailed = 1101;

    // Observability: 1200-1299
    public const int RequestEnded = 1200;

    // Hosting: 1300-1399
    public const int Started = 1300;
    public const int CertificateRenewed = 1301;
    public const int CertificateRefused = 1302;

    // Teams: 1400-1499
    // Limits: 1500-1599
    public const int LimitStoreFailed = 1500;
    public const int LimitStoreRecovered = 1501;
    public const int ReconciliationFailed = 1502;
    public const int BudgetsReconciled = 1503;

    // Ledger: 1600-1699
    // Metering and Admission: 1700-1799
    // Settlement and Pricing: 1800-1899
    // Admin: 1900-1999
}
