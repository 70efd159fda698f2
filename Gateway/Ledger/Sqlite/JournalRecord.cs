using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// A record of a journal file: a head, and a block of <see cref="JournalBlockWriter"/>. The head is the length of the block (4 bytes), a
/// checksum (CRC-32C, 4 bytes) over the rest of the record, and the sequence number (8 bytes), all little-endian.
/// </summary>
internal static class JournalRecord
{
    /// <summary>The size of the head in bytes.</summary>
    public const int HeadSize = 16;

    /// <summary>The size of the longest block. The texts of an entry are cut far below it; a longer one is the length of a torn record.</summary>
    public const int LongestBlock = 1024 * 1024;

    private const int ChecksumAt = 4;
    private const int SequenceAt = 8;

    /// <summary>Fills the head of a record whose block is complete.</summary>
    public static void WriteHead(Span<byte> record, long sequence)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, record.Length - HeadSize);
        BinaryPrimitives.WriteInt64LittleEndian(record[SequenceAt..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(record[ChecksumAt..], Checksum(record[SequenceAt..]));
    }

    /// <summary>The length of the block after a head.</summary>
    /// <returns>Zero if no record has this head.</returns>
    public static int BlockLength(ReadOnlySpan<byte> head) =>
        BinaryPrimitives.ReadInt32LittleEndian(head) is > 0 and <= LongestBlock and var length ? length : 0;

    /// <summary>The sequence number of a record.</summary>
    public static long Sequence(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadInt64LittleEndian(record[SequenceAt..]);

    /// <summary>Whether the checksum of a record is right.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> record) =>
        BinaryPrimitives.ReadUInt32LittleEndian(record[ChecksumAt..]) == Checksum(record[SequenceAt..]);

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var checksum = uint.MaxValue;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            checksum = BitOperations.Crc32C(checksum, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        }

        foreach (var rest in bytes[(bytes.Length & ~(sizeof(ulong) - 1))..])
        {
            checksum = BitOperations.Crc32C(checksum, rest);
        }

        return ~checksum;
    }
}
