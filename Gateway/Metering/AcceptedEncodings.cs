using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Gateway.Metering;

/// <summary>
/// What a client accepts (<c>Accept-Encoding</c>), narrowed to what the gateway can read, so that upstream encodes for the client and
/// the bill is still seen.
/// </summary>
internal static class AcceptedEncodings
{
    private const string Identity = "identity";

    /// <summary>
    /// The header to send in place of the client's: its own entries in their order with their weights, without those that cannot be
    /// read and without <c>*</c>, which could mean any. <see langword="null"/> when nothing has to change.
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

    /// <summary>The encoding of that name.</summary>
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

        // With nothing left but a refusal of the plain bytes, upstream could send nothing at all. The client can read these.
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

    /// <summary>Whether an entry has a weight of nothing.</summary>
    private static bool IsRefused(ReadOnlySpan<char> entry)
    {
        var at = entry.IndexOf("q=", StringComparison.OrdinalIgnoreCase);
        return at >= 0
            && double.TryParse(entry[(at + 2)..].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var weight)
            && weight == 0;
    }
}
