namespace Gateway.Alerts;

/// <summary>The first request of a day whose OpenRouter key upstream rejects.</summary>
/// <param name="mark">The mark of the key's value.</param>
/// <param name="day">The day, in UTC.</param>
/// <param name="team">The id of the team whose request it was.</param>
/// <param name="name">The name of the key.</param>
/// <param name="status">The status of upstream's response.</param>
/// <param name="time">When it was rejected.</param>
internal sealed class KeyRejection(string mark, DateOnly day, string team, string name, int status, DateTimeOffset time)
{
    public string Mark => mark;

    public DateOnly Day => day;

    public string Team => team;

    public string Name => name;

    public int Status => status;

    public DateTimeOffset Time => time;

    /// <summary>Whether the alert is in the ledger. Set by the worker only.</summary>
    public bool IsRaised { get; set; }
}
