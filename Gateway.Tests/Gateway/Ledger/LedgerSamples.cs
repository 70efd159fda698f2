using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>Entries with all members, and entries with only the members that a test is about.</summary>
internal static class LedgerSamples
{
    public static readonly DateTimeOffset Now = new(2026, 3, 14, 15, 9, 26, 535, TimeSpan.Zero);

    public static Guid NewId(DateTimeOffset? at = null) => Guid.CreateVersion7(at ?? Now);

    public static LedgerEntry.Began Began(Guid id, string team = "search", long reserved = 1000, DateTimeOffset? at = null) => new(id)
    {
        StartedAt = at ?? Now,
        Team = team,
        KeyLabel = "ci",
        SettingsVersion = "1a2b3c4d",
        Endpoint = "/chat/completions",
        Reserved = new PicoDollars(reserved),
    };

    public static LedgerEntry.Ended Settled(Guid id, long cost) => new(id)
    {
        State = GenerationState.Settled,
        Usage = new Usage { Cost = new PicoDollars(cost) },
        ClosedAt = Now,
    };

    public static LedgerEntry.Ended Provisional(Guid id, DateTimeOffset? askAt = null) =>
        new(id) { State = GenerationState.Provisional, EndedAt = Now, AskAt = askAt ?? Now, Asked = 0 };

    public static LedgerEntry.Ended Unresolvable(Guid id) => new(id) { State = GenerationState.Unresolvable, ClosedAt = Now };
}
