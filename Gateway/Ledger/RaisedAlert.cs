namespace Gateway.Ledger;

/// <summary>An alert to be stored.</summary>
/// <param name="Name">The name of the alert's subject. There is one alert of a name.</param>
/// <param name="Team">The id of the team.</param>
/// <param name="Content">The facts to post, as JSON. No secrets.</param>
/// <param name="RaisedAt">When it was raised.</param>
/// <param name="ExpiresAt">When the name cannot occur any more; <see langword="null"/> for never.</param>
internal sealed record RaisedAlert(string Name, string Team, string Content, DateTimeOffset RaisedAt, DateTimeOffset? ExpiresAt);
