namespace Gateway.Ledger;

/// <summary>An alert that this node is to post.</summary>
/// <param name="Name">The name of the alert's subject.</param>
/// <param name="Team">The id of the team.</param>
/// <param name="Content">The facts to post, as JSON.</param>
/// <param name="RaisedAt">When it was raised.</param>
/// <param name="Attempts">The number of failed posts so far.</param>
/// <param name="LeasedUntil">The end of the claim.</param>
internal sealed record ClaimedAlert(
    string Name, string Team, string Content, DateTimeOffset RaisedAt, int Attempts, DateTimeOffset LeasedUntil);
