using System.Globalization;
using Gateway.Configuration.Reading;
using Gateway.Errors;
using Gateway.Ledger;

namespace Gateway.Reports;

/// <summary>Reads the parameters of a list of requests.</summary>
internal static class RequestQuery
{
    public const int DefaultLimit = 100;
    public const int MaxLimit = 10_000;

    private const int LongestCode = 64;

    /// <summary>Reads a query string.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="now">The current time, at which the last minutes end.</param>
    /// <param name="error">The fault, with the name of the parameter.</param>
    /// <returns>The selected requests; <see langword="null"/> after a fault.</returns>
    public static RequestSelection? Read(IQueryCollection parameters, DateTimeOffset now, out GatewayError? error)
    {
        error = null;
        var query = new RequestSelection { Limit = DefaultLimit };
        foreach (var (written, values) in parameters)
        {
            var name = written.ToLowerInvariant();
            if (name is not ("team" or "model" or "code" or "status" or "since" or "limit"))
            {
                error = UsageQuery.Invalid(null, "unknown parameter; expected team, model, code, status, since and limit");
                return null;
            }

            if (values is not [{ } value])
            {
                error = UsageQuery.Invalid(name, "given more than once; expected once");
                return null;
            }

            if (With(query, name, value, now) is not { } next)
            {
                error = UsageQuery.Invalid(name, "expected " + ExpectedOf(name));
                return null;
            }

            query = next;
        }

        return query;
    }

    private static RequestSelection? With(RequestSelection query, string name, string value, DateTimeOffset now) => name switch
    {
        "team" => SettingFormats.IsTeamId(value) ? query with { Team = value } : null,
        "model" => UsageQuery.IsModel(value) ? query with { Model = value } : null,
        "code" => IsCode(value) ? query with { Code = value } : null,
        "status" => Number(value) is >= 100 and <= 599 and var status ? query with { Status = status } : null,
        "since" => UsageQuery.TryTime(value, out var since) ? query with { Since = since }
            : UsageQuery.TryLength(value, allowsMinutes: true, out var length) ? query with { Since = now - length }
            : null,
        _ => Number(value) is >= 1 and <= MaxLimit and var limit ? query with { Limit = limit } : null,
    };

    private static string ExpectedOf(string name) => name switch
    {
        "team" => "a team's id: " + SettingFormats.TeamIdExpected,
        "model" => UsageQuery.ModelExpected,
        "code" => "the code of an error, such as model_not_allowed",
        "status" => "a status from 100 to 599",
        "since" => $"{UsageQuery.TimeExpected}, or a number of minutes, hours, days or weeks (15m, 24h, 7d, 4w)",
        _ => "a number from 1 to 10000",
    };

    private static bool IsCode(string text) =>
        text.Length is > 0 and <= LongestCode && text.All(static letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '_');

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
