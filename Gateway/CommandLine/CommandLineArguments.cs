using Gateway.Configuration.Reading;
using Gateway.Reports;

namespace Gateway.CommandLine;

/// <summary>
/// The command line as typed values. What was not given is <see langword="null"/> or empty; what was given badly counts as not given.
/// </summary>
internal sealed record CommandLineArguments : SettingsFlags
{
    /// <summary>No arguments at all.</summary>
    public static CommandLineArguments None { get; } = new();

    /// <summary>The sub-command.</summary>
    public GatewayCommand Command { get; init; }

    /// <summary>What to explain; set exactly when <see cref="Command"/> is <see cref="GatewayCommand.Explain"/>.</summary>
    public ExplainArguments? Explain { get; init; }

    /// <summary>
    /// Which key to make; set when <see cref="Command"/> is <see cref="GatewayCommand.KeysNew"/> and nothing is at fault.
    /// </summary>
    public KeysNewArguments? KeysNew { get; init; }

    /// <summary>What usage to print; set exactly when <see cref="Command"/> is <see cref="GatewayCommand.Usage"/>.</summary>
    public UsageArguments? Usage { get; init; }
}
