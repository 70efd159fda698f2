using System.Globalization;

namespace Gateway.Limits;

/// <summary>
/// Writes the levels of limits as the response headers that OpenAI's SDKs and dashboards read. Durations have Go's format, as OpenAI sends
/// them: <c>12ms</c>, <c>1s</c>, <c>6m0s</c>.
/// </summary>
internal static class RateLimitHeaders
{
    /// <summary>Writes the levels, and for a refusal the retry delay. Replaces existing headers with these names.</summary>
    public static void Write(IHeaderDictionary headers, LimitResult result)
    {
        if (result.Requests is { } requests)
        {
            headers["x-ratelimit-limit-requests"] = Number(requests.Limit);
            headers["x-ratelimit-remaining-requests"] = Number(requests.Remaining);
            headers["x-ratelimit-reset-requests"] = Duration(requests.Reset);
        }

        if (result.Tokens is { } tokens)
        {
            headers["x-ratelimit-limit-tokens"] = Number(tokens.Limit);
            headers["x-ratelimit-remaining-tokens"] = Number(tokens.Remaining);
            headers["x-ratelimit-reset-tokens"] = Duration(tokens.Reset);
        }

        if (result.RefusedBy is not null)
        {
            // Clients that know retry-after-ms prefer it. Both are rounded up, since an early retry would be refused.
            var wait = Math.Max(1, Milliseconds(result.RetryAfter));
            headers.RetryAfter = Number(((wait - 1) / 1000) + 1);
            headers["retry-after-ms"] = Number(wait);
        }
    }

    /// <summary>Formats a duration, rounded up to whole milliseconds.</summary>
    internal static string Duration(TimeSpan duration)
    {
        var all = Milliseconds(duration);
        if (all is > 0 and < 1000)
        {
            return $"{Number(all)}ms";
        }

        var (minutes, milliseconds) = Math.DivRem(all, 60_000);
        var (hours, restOfHour) = Math.DivRem(minutes, 60);
        var seconds = (milliseconds / 1000m).ToString("0.###", CultureInfo.InvariantCulture) + "s";
        return hours > 0 ? $"{Number(hours)}h{Number(restOfHour)}m{seconds}" : minutes > 0 ? $"{Number(minutes)}m{seconds}" : seconds;
    }

    private static long Milliseconds(TimeSpan duration) =>
        duration <= TimeSpan.Zero ? 0 : ((duration.Ticks - 1) / TimeSpan.TicksPerMillisecond) + 1;

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
