namespace Gateway.Primitives;

/// <summary>Ids of log events. Each folder has its own range; ids are never reused.</summary>
internal static class LogEvents
{
    // Configuration: 1000-1099
    public const int SettingsApplied = 1000;
    public const int SettingsRejected = 1001;
    public const int SettingWarned = 1002;
    public const int RestartRequired = 1003;
    public const int SettingsUnchanged = 1005;
    public const int TeamFileRejected = 1006;

    // Errors: 1100-1199
    public const int ClientLeft = 1100;
    public const int RequestFailed = 1101;

    // Observability: 1200-1299
    public const int RequestEnded = 1200;
    public const int TeamRequestEnded = 1201;
    public const int LinesDropped = 1202;

    // Hosting: 1300-1399
    public const int Started = 1300;
    public const int CertificateRenewed = 1301;
    public const int StopRequested = 1310;
    public const int RequestsCut = 1311;
    public const int DescriptorsAreFew = 1312;
    public const int ConnectionLimitIsTooHigh = 1313;
    public const int ConnectionsRefused = 1314;
    public const int ConnectionsAccepted = 1315;

    // Teams: 1400-1499
    public const int RouteLedElsewhere = 1400;

    // Limits: 1500-1599
    public const int LimitStoreFailed = 1500;
    public const int LimitStoreRecovered = 1501;
    public const int BudgetsReconciled = 1503;
    public const int ReservationsClosed = 1504;
    public const int BudgetCountedAnew = 1505;

    // Ledger: 1600-1699
    public const int LedgerFailed = 1600;
    public const int LedgerRecovered = 1601;
    public const int LedgerEntriesDropped = 1602;
    public const int LedgerEntriesLost = 1603;
    public const int LedgerRowsRemoved = 1604;
    public const int LedgerNotOpen = 1606;
    public const int LedgerRestored = 1607;
    public const int LedgerReplaced = 1608;
    public const int LedgerNotRestored = 1609;
    public const int LedgerFileLost = 1610;
    public const int JournalTorn = 1611;
    public const int JournalDamaged = 1612;
    public const int LedgerNotFolded = 1613;
    public const int LedgerFolded = 1614;
    public const int JournalUnreadable = 1615;

    // Metering and Admission: 1700-1799
    public const int LimitsUnavailable = 1700;
    public const int BudgetsUnavailable = 1701;
    public const int LedgerUnavailable = 1702;
    public const int CallNotReleased = 1703;
    public const int BudgetExceeded = 1704;

    // Settlement and Pricing: 1800-1899
    public const int PricesUnreadable = 1800;
    public const int PricesNotRefreshed = 1801;
    public const int PricesNotKept = 1802;
    public const int OrphansAdopted = 1804;
    public const int GenerationUnresolvable = 1805;

    // Admin: 1900-1999
    public const int AdminStarted = 1900;
    public const int UsageUnreadable = 1901;
    public const int RequestsUnreadable = 1902;
    public const int LevelsUnreadable = 1903;
    public const int TeamsUnreadable = 1904;

    // Workers: 2000-2099. They replace 1004, 1302, 1502, 1605 and 1803.
    public const int WorkerFailed = 2000;
    public const int WorkerRecovered = 2001;

    // Attempts: 2100-2199
    public const int DestinationLeftAlone = 2100;
    public const int DestinationReached = 2101;

    // Upstream: 2200-2299
    public const int UpstreamKeyRejected = 2200;
    public const int CatalogueUnreadable = 2201;

    // SelfService: 2300-2399
    public const int BudgetUnreadable = 2300;

    // The phases of a request, at level Debug: 2400-2499
    public const int CallerIdentified = 2400;
    public const int RulesTried = 2401;
    public const int BodyEdited = 2402;
    public const int CallAdmitted = 2403;
    public const int AttemptSent = 2404;
    public const int AttemptEnded = 2405;
    public const int RequestRefused = 2406;

    // Alerts: 2500-2599
    public const int AlertPosted = 2500;
    public const int AlertNotPosted = 2501;
    public const int AlertGivenUp = 2502;
}
