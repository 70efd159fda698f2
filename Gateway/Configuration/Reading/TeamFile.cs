using Gateway.Secrets;

namespace Gateway.Configuration.Reading;

/// <summary>The last good state of a file of <c>TeamsFolder</c>.</summary>
/// <param name="Entry">The team as written.</param>
/// <param name="Key">Its OpenRouter key.</param>
internal sealed record TeamFile(SettingsObject Entry, UpstreamKey Key);
