namespace Gateway.Tests.EndToEnd;

/// <summary>A team's key that one worker of a storm calls with.</summary>
/// <param name="Team">The team's id.</param>
/// <param name="Label">The key's label, which no other key of the storm has: rows without an id are told apart by it.</param>
/// <param name="Key">The key itself.</param>
internal sealed record StormKey(string Team, string Label, string Key);
