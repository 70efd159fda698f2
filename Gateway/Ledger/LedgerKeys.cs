using System.Buffers.Binary;

namespace Gateway.Ledger;

/// <summary>
/// Converts ids and times to stored values, and times to ranges of primary keys. An id is a UUID of version 7, created within an hour of
/// the request's arrival.
/// </summary>
internal static class LedgerKeys
{
    /// <summary>The length of an id in bytes.</summary>
    public const int Size = 16;

    // The maximum difference between the time in an id and the arrival of its request: a slow body is read before the id is created, and
    // clocks are adjusted.
    private static readonly TimeSpan Slack = TimeSpan.FromHours(1);

    private const long MaxMilliseconds = (1L << 48) - 1;

    /// <summary>The length of a UTC day.</summary>
    public const long MillisecondsPerDay = 86_400_000;

    /// <summary>A lower bound of the keys of requests that arrived since a time.</summary>
    public static Guid Floor(DateTimeOffset? from) =>
        from is { } moment && moment > DateTimeOffset.UnixEpoch + Slack
            ? At(moment - Slack, tail: 0)
            : At(DateTimeOffset.UnixEpoch, tail: 0);

    /// <summary>An upper bound of the keys of requests that arrived before a time.</summary>
    public static Guid Ceiling(DateTimeOffset? to) =>
        to is { } moment && moment < DateTimeOffset.MaxValue - Slack
            ? At(moment + Slack, tail: 0xFF)
            : At(DateTimeOffset.FromUnixTimeMilliseconds(MaxMilliseconds / 2), tail: 0xFF);

    /// <summary>The lowest id of a moment: every id created earlier compares lower.</summary>
    public static Guid FirstAt(DateTimeOffset moment) => At(moment, tail: 0);

    /// <summary>The bytes of an id in the order in which ids sort.</summary>
    public static byte[] ToBytes(Guid id) => id.ToByteArray(bigEndian: true);

    /// <summary>The id in the bytes of a column.</summary>
    public static Guid FromBytes(ReadOnlySpan<byte> bytes) => new(bytes, bigEndian: true);

    /// <summary>A time as stored: milliseconds since 1970.</summary>
    public static long ToStored(DateTimeOffset moment) => moment.ToUnixTimeMilliseconds();

    /// <summary>The time in a store's column.</summary>
    public static DateTimeOffset FromStored(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    /// <summary>The number of a UTC day, counted from 1970-01-01.</summary>
    /// <exception cref="ArgumentException">The moment is not the start of a day.</exception>
    public static long DayOf(DateTimeOffset start) => Math.DivRem(ToStored(start), MillisecondsPerDay) is (var day, 0)
        ? day
        : throw new ArgumentException($"{start:O} is not the start of a UTC day.", nameof(start));

    private static Guid At(DateTimeOffset moment, byte tail)
    {
        Span<byte> bytes = stackalloc byte[Size];
        bytes.Fill(tail);
        Span<byte> time = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(time, Math.Clamp(moment.ToUnixTimeMilliseconds(), 0, MaxMilliseconds));
        time[2..].CopyTo(bytes);
        return new Guid(bytes, bigEndian: true);
    }
}
