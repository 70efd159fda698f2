using Gateway.Configuration.Reading;

namespace Gateway.CommandLine;

/// <summary>What became of the command line.</summary>
/// <param name="Arguments">The values that were good.</param>
/// <param name="Faults">Everything wrong with the command line; the program leaves with exit code 2 when there is any.</param>
/// <param name="Page">The page that <c>--help</c> or <c>--version</c> asked for, to be printed before leaving with exit code 0.</param>
/// <param name="IsConfigPathFaulty">Whether <c>--config</c> itself is at fault, so that no other file should be checked in its
/// place.</param>
internal sealed record CommandLineResult(
    CommandLineArguments Arguments, IReadOnlyList<SettingsFault> Faults, string? Page = null, bool IsConfigPathFaulty = false);
