using Gateway.Configuration.Reading;
using Gateway.Reports;

namespace Gateway.CommandLine;

/// <summary>The command line as typed values. Absent and invalid values are <see langword="null"/> or empty.</summary>
internal sealed record CommandLineArguments : SettingsFlags
{
    /// <summary>An empty command line.</summary>
    public static CommandLineArguments None { get; } = new();

    /// <summary>The sub-command.</summary>
    public GatewayCommand Command { get; init; }

    /// <summary>Whether <c>check</c> prints JSON (<c>--json</c>).</summary>
    public bool IsCheckJson { get; init; }

    /// <summary>Whether <c>check</c> prints the JSON Schema of the settings file and reads no settings (<c>--schema</c>).</summary>
    public bool IsCheckSchema { get; init; }

    /// <summary>The arguments of <c>explain</c>; set exactly when <see cref="Command"/> is <see cref="GatewayCommand.Explain"/>.</summary>
    public ExplainArguments? Explain { get; init; }

    /// <summary>
    /// The arguments of <c>keys new</c>; set when <see cref="Command"/> is <see cref="GatewayCommand.KeysNew"/> and there is no fault.
    /// </summary>
    public KeysNewArguments? KeysNew { get; init; }

    /// <summary>The arguments of <c>usage</c>; set exactly when <see cref="Command"/> is <see cref="GatewayCommand.Usage"/>.</summary>
    public UsageArguments? Usage { get; init; }

    /// <summary>
    /// The arguments of <c>write-off</c>; set when <see cref="Command"/> is <see cref="GatewayCommand.WriteOff"/> and there is no fault.
    /// </summary>
    public WriteOffArguments? WriteOff { get; init; }
}
