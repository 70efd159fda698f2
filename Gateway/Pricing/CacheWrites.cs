namespace Gateway.Pricing;

/// <summary>The writes to prompt caches that a request asks for.</summary>
internal enum CacheWrites
{
    /// <summary>None. Some models write unasked.</summary>
    Unasked,

    /// <summary>Entries that are kept for five minutes.</summary>
    Short,

    /// <summary>Entries that are kept for an hour.</summary>
    Long,
}
