using System.Globalization;

namespace Gateway.Primitives;

/// <summary>
/// The ids of requests: 32 hexadecimal digits, of which the first 12 are the milliseconds since 1970 and the others are random. The time in
/// an id bounds the rows of the ledger that can carry it, so that the ledger needs no index on it.
/// </summary>
internal static class RequestIds
{
    private const int Length = 32;
    private const int TimeLength = 12;

    // Times of later than this are no times of requests: the digits of an id of another origin.
    private static readonly long MaxMilliseconds = new DateTimeOffset(2200, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    /// <summary>Creates an id.</summary>
    /// <param name="now">The current time.</param>
    public static string Create(DateTimeOffset now)
    {
        Span<byte> id = stackalloc byte[TimeOrderedId.Length];
        TimeOrderedId.Fill(id, now);
        return Convert.ToHexStringLower(id);
    }

    /// <summary>Reads the time in an id.</summary>
    /// <returns>Whether the text can be an id.</returns>
    public static bool TryTime(string id, out DateTimeOffset time)
    {
        time = default;
        if (id.Length != Length
            || !id.All(char.IsAsciiHexDigitLower)
            || !long.TryParse(id.AsSpan(0, TimeLength), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var milliseconds)
            || milliseconds > MaxMilliseconds)
        {
            return false;
        }

        time = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        return true;
    }
}
