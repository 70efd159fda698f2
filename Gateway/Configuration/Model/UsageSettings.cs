namespace Gateway.Configuration.Model;

/// <summary>Section <c>Usage</c>: the ledger. All of it at a restart only.</summary>
internal sealed record UsageSettings
{
    /// <summary>The store of the ledger. Default <c>Sqlite</c>.</summary>
    public UsageStore Store { get; init; }

    /// <summary>The SQLite file.</summary>
    public SqliteSettings Sqlite { get; init; } = new();

    /// <summary>The PostgreSQL database.</summary>
    public PostgresSettings Postgres { get; init; } = new();

    /// <summary>
    /// How long rows are kept. Default <c>400.00:00:00</c>; the cost of removed rows stays in the teams' totals. Zero keeps rows for ever.
    /// </summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(400);

    /// <summary>
    /// The policy for calls that the ledger cannot record. Default <c>Refuse</c>: 503, since the call could not be charged to a team.
    /// <c>Allow</c> lets them pass, with an error in the log and a metric.
    /// </summary>
    public FailurePolicy WhenStoreFails { get; init; } = FailurePolicy.Refuse;

    /// <summary>The file that keeps upstream's prices for a start without network. Default <c>data/prices.json</c>.</summary>
    public string PricesPath { get; init; } = "data/prices.json";
}

/// <summary>Kinds of ledgers.</summary>
internal enum UsageStore
{
    /// <summary>A file of this node.</summary>
    Sqlite,

    /// <summary>A database that several nodes share.</summary>
    Postgres,
}

/// <summary>The policy while a store does not answer.</summary>
internal enum FailurePolicy
{
    /// <summary>Let the call pass.</summary>
    Allow,

    /// <summary>Refuse the call.</summary>
    Refuse,
}

/// <summary>The ledger as a file.</summary>
internal sealed record SqliteSettings
{
    /// <summary>The file; its folder is created. Default <c>data/usage.db</c>.</summary>
    public string Path { get; init; } = "data/usage.db";
}

/// <summary>The ledger as a database.</summary>
internal sealed record PostgresSettings
{
    /// <summary>Connection string as Npgsql reads it, or a reference to one: <c>env:NAME</c>, <c>file:PATH</c>.</summary>
    public string ConnectionString { get; init; } = "";
}
