using Gateway.Configuration.Reading;

namespace Gateway.CommandLine;

/// <summary>The result of reading the command line.</summary>
/// <param name="Arguments">The valid values.</param>
/// <param name="Faults">All faults; with any, the program exits with code 2.</param>
/// <param name="Page">The page of <c>--help</c> or <c>--version</c>; the program prints it and exits with code 0.</param>
/// <param name="IsConfigPathFaulty">Whether <c>--config</c> itself has a fault, so that no settings file is checked.</param>
internal sealed record CommandLineResult(
    CommandLineArguments Arguments, IReadOnlyList<SettingsFault> Faults, string? Page = null, bool IsConfigPathFaulty = false);
