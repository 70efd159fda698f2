namespace Soak;

/// <summary>The gateway as callers need to know it.</summary>
/// <param name="Port">The public port.</param>
/// <param name="AdminPort">The port of the admin address.</param>
/// <param name="Settings">Knows the versions of the settings that may be applied.</param>
/// <param name="EventsAround">The number of events that open and close a stream, for each of the three streaming endpoints.</param>
internal sealed record Target(int Port, int AdminPort, SettingsChanger Settings, IReadOnlyList<int> EventsAround);
