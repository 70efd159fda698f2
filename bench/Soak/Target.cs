namespace Soak;

/// <summary>What callers need to know of the gateway that they call.</summary>
/// <param name="Port">The public port.</param>
/// <param name="AdminPort">The port of the admin address.</param>
/// <param name="Settings">Says which versions of the settings may be in force.</param>
/// <param name="EventsAround">Events that open and close a stream, for each of the three endpoints that stream.</param>
internal sealed record Target(int Port, int AdminPort, SettingsChanger Settings, IReadOnlyList<int> EventsAround);
