using Gateway.Errors;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace Gateway.Admission;

/// <summary>The verdict on the server tools of a team's request. The default is a request without closed tools.</summary>
/// <param name="Error">The refusal; <see langword="null"/> if there is none.</param>
/// <param name="Removal">The removal of closed tools; <see langword="null"/> if none is removed.</param>
/// <param name="Reported">The closed tools that pass; <see langword="null"/> if there are none.</param>
internal readonly record struct ServerToolVerdict(
    GatewayError? Error = null, ServerToolRemoval? Removal = null, IReadOnlyList<ServerToolUse>? Reported = null)
{
    // A header and a log line name the tools. Clients choose the names, so their number and length are limited.
    private const int MostNames = 10;
    private const int LongestName = 64;

    /// <summary>The names of the removed tools as one line of printable ASCII; <see langword="null"/> if there are none.</summary>
    public string? RemovedNames => Join(Removal?.Names);

    /// <summary>The names of the reported tools, likewise.</summary>
    public string? ReportedNames => Join(Reported?.Select(static tool => tool.Name).Distinct(StringComparer.Ordinal).ToArray());

    private static string? Join(IReadOnlyList<string>? names) => names is null
        ? null
        : string.Join(", ", names.Take(MostNames).Select(Printable)) + (names.Count > MostNames ? ", ..." : "");

    private static string Printable(string name) => string.Concat(
        name.Take(LongestName).Select(static c => c is > ' ' and < '\u007F' and not ',' ? c : '?'));
}
