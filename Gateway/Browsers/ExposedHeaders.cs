using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace Gateway.Browsers;

/// <summary>
/// Lists in <c>Access-Control-Expose-Headers</c> the headers of a response that a page of another origin may read. Without the list a
/// browser hides all but a few, and an SDK in a page cannot see when to try again or under which id to ask for support.
/// </summary>
internal static class ExposedHeaders
{
    private const string Everything = "*";
    private const string Separator = ", ";

    private static readonly string[] Prefixes = ["x-gateway-", "x-ratelimit-"];

    // retry-after-ms and x-should-retry steer the retries of OpenAI's and Anthropic's SDKs.
    private static readonly FrozenSet<string> Names = FrozenSet.ToFrozenSet(
        ["x-request-id", "x-generation-id", "retry-after", "retry-after-ms", "x-should-retry"],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds the names of the headers that the response has. The names that upstream exposes stay.</summary>
    public static void Add(IHeaderDictionary headers)
    {
        var listed = headers.AccessControlExposeHeaders;
        List<string>? added = null;
        foreach (var (name, _) in headers)
        {
            if (IsExposed(name) && !Lists(listed, name))
            {
                (added ??= []).Add(name);
            }
        }

        if (added is not null)
        {
            headers.AccessControlExposeHeaders = string.Join(Separator, [.. listed, .. added]);
        }
    }

    private static bool IsExposed(string name)
    {
        foreach (var prefix in Prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return Names.Contains(name);
    }

    private static bool Lists(StringValues listed, string name)
    {
        foreach (var value in listed)
        {
            foreach (var range in value.AsSpan().Split(','))
            {
                var item = value.AsSpan(range).Trim();
                if (item.Equals(name, StringComparison.OrdinalIgnoreCase) || item is Everything)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
