using System.Globalization;
using Gateway.Errors;
using Gateway.Ledger;

namespace Gateway.Reports;

/// <summary>A query of the ledger's usage.</summary>
/// <param name="Group">The grouping.</param>
/// <param name="From">The start, inclusive; <see langword="null"/> for no bound.</param>
/// <param name="To">The end, exclusive; <see langword="null"/> for no bound.</param>
internal sealed record UsageQuery(UsageGroup Group, DateTimeOffset? From, DateTimeOffset? To)
{
    public const string GroupExpected = "team, key, model, provider or rule";
    public const string TimeExpected = "a date (2026-11-01, midnight UTC) or an instant (2026-11-01T00:00:00Z)";

    // A time without an offset would be ambiguous.
    private static readonly string[] TimeFormats =
    [
        "yyyy-MM-dd",
        "yyyy-MM-dd'T'HH:mm'Z'",
        "yyyy-MM-dd'T'HH:mmzzz",
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'",
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz",
    ];

    /// <summary>Reads a query string.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="error">The fault, with the name of the parameter.</param>
    /// <returns>The query; <see langword="null"/> after a fault.</returns>
    public static UsageQuery? Read(IQueryCollection parameters, out GatewayError? error)
    {
        error = null;
        var query = new UsageQuery(UsageGroup.Team, null, null);
        foreach (var (name, values) in parameters)
        {
            if (values is not [{ } value])
            {
                error = Invalid(name, "given more than once; expected once");
                return null;
            }

            switch (name.ToLowerInvariant())
            {
                case "group" when TryGroup(value, out var group):
                    query = query with { Group = group };
                    break;
                case "from" when TryTime(value, out var from):
                    query = query with { From = from };
                    break;
                case "to" when TryTime(value, out var to):
                    query = query with { To = to };
                    break;
                case "group":
                    error = Invalid("group", "expected " + GroupExpected);
                    return null;
                case "from" or "to":
                    error = Invalid(name.ToLowerInvariant(), "expected " + TimeExpected);
                    return null;
                default:
                    error = Invalid(null, "unknown parameter; expected group, from and to");
                    return null;
            }
        }

        if (query.From > query.To)
        {
            error = Invalid("to", "expected a time that is not before \"from\"");
            return null;
        }

        return query;
    }

    /// <summary>Reads the name of a group, ignoring case.</summary>
    public static bool TryGroup(string text, out UsageGroup group)
    {
        UsageGroup? found = text.ToLowerInvariant() switch
        {
            "team" => UsageGroup.Team,
            "key" => UsageGroup.Key,
            "model" => UsageGroup.Model,
            "provider" => UsageGroup.Provider,
            "rule" => UsageGroup.Rule,
            _ => null,
        };
        group = found ?? default;
        return found is not null;
    }

    /// <summary>Reads a date or a time with an offset.</summary>
    public static bool TryTime(string text, out DateTimeOffset time) => DateTimeOffset.TryParseExact(
        text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    // The name of an unknown parameter is the caller's text and is not repeated in the response.
    private static GatewayError Invalid(string? name, string message) => new(
        StatusCodes.Status400BadRequest,
        ErrorOrigin.Client,
        "invalid_request_error",
        "invalid_parameter",
        $"{(name is null ? "" : $"\"{name}\": ")}{message}.",
        name);
}
