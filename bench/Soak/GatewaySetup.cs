using System.Text.Json.Nodes;

namespace Soak;

/// <summary>A gateway before its start: its ports, its settings and how to start it.</summary>
internal sealed class GatewaySetup : IDisposable
{
    public required int Port { get; init; }

    public required int AdminPort { get; init; }

    public required SoakSettings Settings { get; init; }

    public required SettingsChanger Changer { get; init; }

    /// <summary>The command that starts it with its settings.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <param name="published">The folder of the published gateway.</param>
    /// <param name="folder">The folder of the run.</param>
    /// <param name="changeBound">The time limit of a change of the settings.</param>
    /// <param name="outcomes">Receives failed changes.</param>
    /// <param name="prng">Selects the changes.</param>
    /// <param name="complete">Changes the sections that all versions of the settings share.</param>
    public static async Task<GatewaySetup> CreateAsync(
        string published, string folder, TimeSpan changeBound, Outcomes outcomes, Prng prng, Action<JsonNode>? complete = null)
    {
        var port = Programs.FreePort();
        var adminPort = Programs.FreePort();
        var shipped = await File.ReadAllTextAsync(Path.Combine(published, "appsettings.json"));
        var settings = new SoakSettings(shipped, folder, adminPort, complete);
        var file = Path.Combine(folder, "settings.json");
        return new GatewaySetup
        {
            Port = port,
            AdminPort = adminPort,
            Settings = settings,
            Changer = new SettingsChanger(settings, file, port, changeBound, outcomes, prng),
            Command = [.. Programs.Command(published), "--ip", "127.0.0.1", "--port", Bodies.Number(port), "--config", file],
        };
    }

    public void Dispose() => Changer.Dispose();
}
