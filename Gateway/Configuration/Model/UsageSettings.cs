using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Usage</c>: the ledger. Changes require a restart.</summary>
internal sealed record UsageSettings : ISettings<UsageSettings>
{
    /// <summary>The store of the ledger. Default: <c>Sqlite</c>.</summary>
    public UsageStore Store { get; init; }

    /// <summary>The SQLite file.</summary>
    public SqliteSettings Sqlite { get; init; } = new();

    /// <summary>The PostgreSQL database.</summary>
    public PostgresSettings Postgres { get; init; } = new();

    /// <summary>
    /// How long rows are kept. Default: <c>400.00:00:00</c>. The cost of removed rows stays in the teams' totals. Zero keeps rows forever.
    /// </summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(400);

    /// <summary>
    /// The policy for requests that the ledger cannot record. Default: <c>Refuse</c>, the response is 503, since the cost could not be
    /// charged to a team. <c>Allow</c> forwards them, with an error in the log and a metric.
    /// </summary>
    public FailurePolicy WhenStoreFails { get; init; } = FailurePolicy.Refuse;

    /// <summary>
    /// The durability that a write of the SQLite store waits for. Default: <c>Process</c>. PostgreSQL has its own
    /// <c>synchronous_commit</c>.
    /// </summary>
    public LedgerDurability Durability { get; init; }

    /// <summary>
    /// The size in bytes that the journal of the SQLite store must not exceed while its entries cannot be moved into the file, which is locked
    /// or full. Default: 256 MB. After that, <see cref="WhenStoreFails"/> decides.
    /// </summary>
    public int MaxJournalSize { get; init; } = 256 * 1024 * 1024;

    /// <summary>The file with upstream's last price list, for a start without network. Default: <c>data/prices.json</c>.</summary>
    public string PricesPath { get; init; } = "data/prices.json";

    /// <inheritdoc/>
    public static UsageSettings Create(SettingsMembers members)
    {
        var defaults = new UsageSettings();
        return new UsageSettings
        {
            Store = members.Word(nameof(Store), defaults.Store),
            Sqlite = members.Object<SqliteSettings>(nameof(Sqlite)),
            Postgres = members.Object<PostgresSettings>(nameof(Postgres)),
            Retention = members.Duration(nameof(Retention), defaults.Retention),
            WhenStoreFails = members.Word(nameof(WhenStoreFails), defaults.WhenStoreFails),
            Durability = members.Word(nameof(Durability), defaults.Durability),
            MaxJournalSize = members.Int32(nameof(MaxJournalSize), defaults.MaxJournalSize),
            PricesPath = members.Text(nameof(PricesPath), defaults.PricesPath),
        };
    }
}

/// <summary>Kinds of stores for the ledger.</summary>
internal enum UsageStore
{
    /// <summary>An SQLite file of this node.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database that several nodes share.</summary>
    Postgres,
}

/// <summary>The failure that a written entry of the ledger survives.</summary>
internal enum LedgerDurability
{
    /// <summary>The end of the process: the entry is handed to the operating system.</summary>
    Process,

    /// <summary>The loss of power: the entry is on the disk. Entries that arrive together share one wait.</summary>
    Disk,
}

/// <summary>The policy while a store does not respond.</summary>
internal enum FailurePolicy
{
    /// <summary>Forward the request.</summary>
    Allow,

    /// <summary>Refuse the request.</summary>
    Refuse,
}

/// <summary>The SQLite store of the ledger.</summary>
internal sealed record SqliteSettings : ISettings<SqliteSettings>
{
    /// <summary>The path of the file; its folder is created. Default: <c>data/usage.db</c>.</summary>
    public string Path { get; init; } = "data/usage.db";

    /// <inheritdoc/>
    public static SqliteSettings Create(SettingsMembers members)
    {
        var defaults = new SqliteSettings();
        return new SqliteSettings
        {
            Path = members.Text(nameof(Path), defaults.Path),
        };
    }
}

/// <summary>The PostgreSQL store of the ledger.</summary>
internal sealed record PostgresSettings : ISettings<PostgresSettings>
{
    /// <summary>A connection string of Npgsql, or a reference to one: <c>env:NAME</c>, <c>file:PATH</c>.</summary>
    public string ConnectionString { get; init; } = "";

    /// <inheritdoc/>
    public static PostgresSettings Create(SettingsMembers members)
    {
        var defaults = new PostgresSettings();
        return new PostgresSettings
        {
            ConnectionString = members.Secret(nameof(ConnectionString), defaults.ConnectionString),
        };
    }
}
