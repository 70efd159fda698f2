using Gateway.Configuration.Tree;
using Gateway.Secrets;

namespace Gateway.Configuration.Reading;

/// <summary>The last good state of a file of <c>TeamsFolder</c>.</summary>
/// <param name="Entry">The team as written.</param>
/// <param name="Hash">The hash of the file's content.</param>
/// <param name="Key">Its OpenRouter key.</param>
/// <param name="AlertWebhook">The URL of its webhook; <see langword="null"/> for none.</param>
internal sealed record TeamFile(SettingsObject Entry, string Hash, UpstreamKey Key, SecretText? AlertWebhook);
