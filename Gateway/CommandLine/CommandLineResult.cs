using Gateway.Configuration.Reading;

namespace Gateway.CommandLine;

/// <summary>The result of reading the command line.</summary>
/// <param name="Arguments">The valid values.</param>
/// <param name="Faults">All faults; the program exits with code 2 if there is any.</param>
/// <param name="Page">The page of <c>--help</c> or <c>--version</c>, to be printed before the program exits with code 0.</param>
/// <param name="IsConfigPathFaulty">
/// Whether <c>--config</c> itself is at fault, so that no other file should be checked in its place.
/// </param>
internal sealed record CommandLineResult(
    CommandLineArguments Arguments, IReadOnlyList<SettingsFault> Faults, string? Page = null, bool IsConfigPathFaulty = false);
