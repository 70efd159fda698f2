namespace Gateway.Tests.Clients;

/// <summary>What an agent made of one prompt.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Text">The text that it printed.</param>
/// <param name="Tries">The paths of its calls as they arrived upstream, and whether they asked for a stream.</param>
internal sealed record AgentRun(int ExitCode, string Text, string Tries);
