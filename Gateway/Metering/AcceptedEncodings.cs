using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Gateway.Metering;

/// <summary>
/// Narrows a client's <c>Accept-Encoding</c> to the encodings that the gateway can decode. Upstream still compresses the response, and the
/// gateway can read the bill in it.
/// </summary>
internal static class AcceptedEncodings
{
    private const string Identity = "identity";

    /// <summary>
    /// The value that replaces the client's header: its entries with their weights and in their order, without <c>*</c> and without
    /// encodings that the gateway cannot decode. <see langword="null"/> if the client's header needs no change.
    /// </summary>
    public static string? Narrow(StringValues accepted)
    {
        foreach (var line in accepted)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                if (!IsReadable(line.AsSpan()[range].Trim()))
                {
                    return NarrowChanged(accepted);
                }
            }
        }

        return null;
    }

    /// <summary>The encoding with this name.</summary>
    internal static ResponseEncoding Parse(ReadOnlySpan<char> name)
    {
        return name switch
        {
            _ when name.Equals("gzip", StringComparison.OrdinalIgnoreCase) => ResponseEncoding.Gzip,
            _ when name.Equals("x-gzip", StringComparison.OrdinalIgnoreCase) => ResponseEncoding.Gzip,
            _ when name.Equals("deflate", StringComparison.OrdinalIgnoreCase) => ResponseEncoding.Deflate,
            _ when name.Equals("br", StringComparison.OrdinalIgnoreCase) => ResponseEncoding.Brotli,
            _ => ResponseEncoding.Unknown,
        };
    }

    private static string NarrowChanged(StringValues accepted)
    {
        var kept = new List<string>();
        var acceptsAny = false;
        var refusesIdentity = false;
        foreach (var line in accepted)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                var entry = line.AsSpan()[range].Trim();
                if (entry.IsEmpty || !IsReadable(entry))
                {
                    continue;
                }

                kept.Add(entry.ToString());
                if (!IsRefused(entry))
                {
                    acceptsAny = true;
                }
                else if (NameOf(entry) is var name && (name is "*" || name.Equals(Identity, StringComparison.OrdinalIgnoreCase)))
                {
                    refusesIdentity = true;
                }
            }
        }

        // No entry remains, or the remaining entries refuse every encoding. A client can always read an unencoded response.
        return kept.Count == 0 || (!acceptsAny && refusesIdentity) ? Identity : string.Join(", ", kept);
    }

    private static bool IsReadable(ReadOnlySpan<char> entry)
    {
        var name = NameOf(entry);
        return name.IsEmpty
            || name.Equals(Identity, StringComparison.OrdinalIgnoreCase)
            || Parse(name) != ResponseEncoding.Unknown
            || (name is "*" && IsRefused(entry));
    }

    private static ReadOnlySpan<char> NameOf(ReadOnlySpan<char> entry)
    {
        var end = entry.IndexOf(';');
        return (end < 0 ? entry : entry[..end]).Trim();
    }

    /// <summary>Whether the weight of an entry is zero.</summary>
    private static bool IsRefused(ReadOnlySpan<char> entry)
    {
        var at = entry.IndexOf("q=", StringComparison.OrdinalIgnoreCase);
        return at >= 0
            && double.TryParse(entry[(at + 2)..].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var weight)
            && weight == 0;
    }
}
