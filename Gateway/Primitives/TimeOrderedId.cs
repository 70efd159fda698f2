using System.Buffers.Binary;

namespace Gateway.Primitives;

/// <summary>
/// UUIDs of version 7 (RFC 9562, section 5.7) with random bits of the process. <see cref="Guid.CreateVersion7(DateTimeOffset)"/> asks the
/// operating system for them, which is a system call for each id.
/// </summary>
internal static class TimeOrderedId
{
    /// <summary>The number of bytes of an id.</summary>
    public const int Length = 16;

    private const int TimeLength = 6;
    private const int VersionIndex = 6;
    private const int VariantIndex = 8;

    /// <summary>Creates an id: 48 bits of milliseconds since 1970, then random bits. It is unique, and no secret.</summary>
    /// <param name="now">The current time.</param>
    public static Guid Create(DateTimeOffset now)
    {
        Span<byte> id = stackalloc byte[Length];
        Fill(id, now);
        id[VersionIndex] = (byte)((id[VersionIndex] & 0x0F) | 0x70);
        id[VariantIndex] = (byte)((id[VariantIndex] & 0x3F) | 0x80);
        return new Guid(id, bigEndian: true);
    }

    /// <summary>Writes 48 bits of milliseconds since 1970 and then random bits.</summary>
    public static void Fill(Span<byte> id, DateTimeOffset now)
    {
        BinaryPrimitives.WriteInt64BigEndian(id, now.ToUnixTimeMilliseconds() << 16);
#pragma warning disable RS0030 // An id is unique, and no secret: the generator for secrets costs more than the system call.
        Random.Shared.NextBytes(id[TimeLength..]);
#pragma warning restore RS0030
    }
}
