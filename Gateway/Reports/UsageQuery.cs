using System.Globalization;
using Gateway.Configuration.Reading;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Teams;

namespace Gateway.Reports;

/// <summary>Reads the parameters of a query of the ledger's usage: those of the admin address, and the values of the sub-command's flags.</summary>
internal static class UsageQuery
{
    public const string GroupExpected = "one or more of team, key, model, provider, rule, day and month, separated by commas";
    public const string TimeExpected = "a date (2026-11-01, midnight UTC) or an instant (2026-11-01T00:00:00Z)";
    public const string LastExpected = "a number of hours, days or weeks (24h, 7d, 4w)";
    public const string KeyExpected = "the label of a key, or team/label";
    public const string ModelExpected = "the name of a model, in which * stands for any run of characters";
    public const string LastExcludes = "is a period of its own; expected no from and no to beside it";

    private const int LongestKey = 129;

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
    /// <param name="now">The current time, at which the last days end.</param>
    /// <param name="error">The fault, with the name of the parameter.</param>
    /// <returns>The selected rows and their grouping; <see langword="null"/> after a fault.</returns>
    public static UsageSelection? Read(IQueryCollection parameters, DateTimeOffset now, out GatewayError? error)
    {
        error = null;
        var query = new UsageSelection();
        TimeSpan? last = null;
        foreach (var (written, values) in parameters)
        {
            var name = written.ToLowerInvariant();
            if (name is "team" or "key" or "model")
            {
                if (AddFilter(ref query, name, [.. values.Select(value => value ?? "")]) is { } fault)
                {
                    error = Invalid(name, fault);
                    return null;
                }

                continue;
            }

            if (values is not [{ } value])
            {
                error = Invalid(written, "given more than once; expected once");
                return null;
            }

            switch (name)
            {
                case "group" when TryGroups(value, out var groups):
                    query = query with { Groups = groups };
                    break;
                case "from" when TryTime(value, out var from):
                    query = query with { From = from };
                    break;
                case "to" when TryTime(value, out var to):
                    query = query with { To = to };
                    break;
                case "last" when TryLast(value, out var period):
                    last = period;
                    break;
                case "unresolved" when value.Equals("true", StringComparison.OrdinalIgnoreCase):
                    query = query with { IsUnresolvedOnly = true };
                    break;
                case "group" or "from" or "to" or "last" or "unresolved":
                    error = Invalid(name, "expected " + ExpectedOf(name));
                    return null;
                default:
                    error = Invalid(null, "unknown parameter; expected group, team, key, model, from, to, last and unresolved");
                    return null;
            }
        }

        if (last is { } length)
        {
            if (query is not { From: null, To: null })
            {
                error = Invalid("last", LastExcludes);
                return null;
            }

            query = Last(query, length, now);
        }

        if (query.From > query.To)
        {
            error = Invalid("to", "expected a time that is not before \"from\"");
            return null;
        }

        return query;
    }

    /// <summary>Selects the requests that arrived in the last hours, days or weeks.</summary>
    public static UsageSelection Last(UsageSelection query, TimeSpan length, DateTimeOffset now) => query with { From = now - length };

    /// <summary>Reads names of groups, ignoring case, separated by commas.</summary>
    public static bool TryGroups(string text, out IReadOnlyList<UsageGroup> groups)
    {
        var found = text.Split(',', StringSplitOptions.TrimEntries).Select(GroupOf).ToList();
        groups = [.. found.OfType<UsageGroup>()];
        return groups.Count == found.Count && found.Distinct().Count() == found.Count;
    }

    /// <summary>Reads a date or a time with an offset.</summary>
    public static bool TryTime(string text, out DateTimeOffset time) => DateTimeOffset.TryParseExact(
        text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    /// <summary>Reads a number of hours, days or weeks: up to four digits and a letter.</summary>
    public static bool TryLast(string text, out TimeSpan length) => TryLength(text, allowsMinutes: false, out length);

    /// <summary>Reads a length: up to four digits and a letter.</summary>
    /// <param name="text">The text.</param>
    /// <param name="allowsMinutes">Whether <c>m</c> stands for minutes. For reports of usage it would read as months.</param>
    /// <param name="length">The length.</param>
    public static bool TryLength(string text, bool allowsMinutes, out TimeSpan length)
    {
        length = default;
        if (text is not [.. { Length: > 0 and <= 4 } digits, var unit]
            || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number == 0)
        {
            return false;
        }

        length = char.ToLowerInvariant(unit) switch
        {
            'm' when allowsMinutes => TimeSpan.FromMinutes(number),
            'h' => TimeSpan.FromHours(number),
            'd' => TimeSpan.FromDays(number),
            'w' => TimeSpan.FromDays(7L * number),
            _ => default,
        };
        return length > TimeSpan.Zero;
    }

    /// <summary>Whether text can be the label of a key, alone or behind its team. A key itself cannot.</summary>
    public static bool IsKey(string text) => text.Length is > 0 and <= LongestKey && !GatewayKeys.IsIn(text);

    /// <summary>Whether text can be the name of a model.</summary>
    public static bool IsModel(string text) => text.Length is > 0 and <= LedgerSanitizer.MaxTextLength;

    private static UsageGroup? GroupOf(string name) => name.ToLowerInvariant() switch
    {
        "team" => UsageGroup.Team,
        "key" => UsageGroup.Key,
        "model" => UsageGroup.Model,
        "provider" => UsageGroup.Provider,
        "rule" => UsageGroup.Rule,
        "day" => UsageGroup.Day,
        "month" => UsageGroup.Month,
        _ => null,
    };

    /// <returns>The fault, if a value cannot be one.</returns>
    private static string? AddFilter(ref UsageSelection query, string name, string[] values)
    {
        (query, var isGood, var expected) = name switch
        {
            "team" => (query with { Teams = values }, values.All(SettingFormats.IsTeamId), "a team's id: " + SettingFormats.TeamIdExpected),
            "key" => (query with { Keys = values }, values.All(IsKey), KeyExpected),
            _ => (query with { Models = values }, values.All(IsModel), ModelExpected),
        };
        return isGood ? null : "expected " + expected;
    }

    private static string ExpectedOf(string name) => name switch
    {
        "group" => GroupExpected,
        "last" => LastExpected,
        "unresolved" => "true, or no such parameter",
        _ => TimeExpected,
    };

    /// <summary>The error of a parameter. The name of an unknown parameter is the caller's text and is not repeated in the response.</summary>
    public static GatewayError Invalid(string? name, string message) => new(
        StatusCodes.Status400BadRequest,
        ErrorOrigin.Client,
        "invalid_request_error",
        "invalid_parameter",
        $"{(name is null ? "" : $"\"{name}\": ")}{message}.",
        name);
}
