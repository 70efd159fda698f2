using Gateway.Configuration;
using Gateway.Teams;

namespace Gateway.Reports;

/// <summary>A request to explain: a POST with a JSON body.</summary>
/// <param name="Snapshot">The settings.</param>
/// <param name="Sender">The team that sends the request; <see langword="null"/> for a client without a team.</param>
/// <param name="Path">The request's path.</param>
/// <param name="Body">The request's body.</param>
internal sealed record ExplainedRequest(SettingsSnapshot Snapshot, Team? Sender, PathString Path, ReadOnlyMemory<byte> Body)
{
    // Has no limits, rights or budget of its own. A key remembers the limits of its team, so it is that of one request.
    private readonly TeamKey _anyKey = new() { Label = "", Hash = default };

    /// <summary>The key that the request carries, if it is known; by default the only key of the team.</summary>
    public TeamKey? Key { get; init; } = Sender is { Keys: [var only] } ? only : null;

    /// <summary>Whether limits, rights or budgets of keys are left out because the key is not known.</summary>
    public bool LeavesOutKeys =>
        Key is null && Sender?.Keys.Any(static key => !key.Limits.IsNone || !key.Rights.IsUnlimited || key.Budget is not null) == true;

    /// <summary>The team as the key sees it; <see langword="null"/> for a client without a team.</summary>
    public Team? Team => Caller?.Team;

    /// <summary>The caller; <see langword="null"/> without a team.</summary>
    public CallerIdentity? Caller => Sender is null ? null : new CallerIdentity(Sender.As(Key ?? _anyKey), Key ?? _anyKey);
}
