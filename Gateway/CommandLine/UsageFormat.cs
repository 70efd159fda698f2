namespace Gateway.CommandLine;

/// <summary>How <c>usage</c> prints.</summary>
internal enum UsageFormat
{
    /// <summary>A table for people.</summary>
    Table,

    /// <summary>CSV by RFC 4180.</summary>
    Csv,

    /// <summary>The JSON of the admin address.</summary>
    Json,
}
