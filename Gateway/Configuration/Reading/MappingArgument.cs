namespace Gateway.Configuration.Reading;

/// <summary>A rule in the short form <c>PATTERN=P1,P2</c>.</summary>
/// <param name="Text">As given.</param>
/// <param name="Name">The rule's name.</param>
/// <param name="Source">The flag or variable that it came from.</param>
internal sealed record MappingArgument(string Text, string Name, string Source);
