using System.Buffers.Binary;
using System.Text;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Serializes ledger entries into records of a journal file, one block an entry. A block starts with its format number and the id of the
/// node that wrote it. Values follow in the order of the table's columns, sanitized.
/// </summary>
/// <remarks>
/// A number is its byte count plus one, followed by its bytes, little-endian and zigzag-encoded. A text is its length in bytes as such a
/// number, followed by its UTF-8. A single zero byte is null.
/// </remarks>
internal sealed class JournalBlockWriter
{
    /// <summary>
    /// The current format. Format 1 ends before the destination, format 2 before the provider's own amount, format 3 before the request's id
    /// and the name of the OpenRouter key. Higher numbers belong to newer versions.
    /// </summary>
    public const byte Format = 4;

    private byte[] _bytes = new byte[4096];
    private int _length;

    /// <summary>The records written since <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    /// <summary>Forgets the records.</summary>
    public void Clear() => _length = 0;

    /// <summary>Writes the record of an entry.</summary>
    public void Write(Guid node, long sequence, LedgerEntry entry)
    {
        var start = _length;
        Room(JournalRecord.HeadSize);
        Write(Format);
        Write(node);
        Write(entry);
        JournalRecord.WriteHead(_bytes.AsSpan(start, _length - start), sequence);
    }

    private void Write(LedgerEntry entry)
    {
        switch (entry)
        {
            case LedgerEntry.Began began:
                Write(began);
                break;
            case LedgerEntry.Named named:
                Write((byte)JournalEntryKind.Named);
                Write(named.Id);
                Write(named.GenerationId);
                Write(named.Destination);
                Write(named.UpstreamKey);
                break;
            case LedgerEntry.Ended ended:
                Write(ended);
                break;
            default:
                throw new InvalidOperationException($"{entry.GetType().Name} is not an entry of the ledger");
        }
    }

    private void Write(LedgerEntry.Began entry)
    {
        Write((byte)JournalEntryKind.Began);
        Write(entry.Id);
        Write(LedgerKeys.ToStored(entry.StartedAt));
        Write(entry.Team);
        Write(entry.KeyLabel);
        Write(entry.Rule);
        Write(entry.SettingsVersion);
        Write(entry.Endpoint);
        Write(entry.AskedModel);
        Write(entry.SentModel);
        Write(entry.Streams ? 1 : 0);
        Write(entry.Reserved.ToStored());
        Write(entry.IsCounted ? 1 : 0);
        Write(entry.RequestId);
    }

    private void Write(LedgerEntry.Ended entry)
    {
        var usage = entry.Usage;
        Write((byte)JournalEntryKind.Ended);
        Write(entry.Id);
        Write(entry.GenerationId);
        Write((int)entry.State);
        Write(entry.End);
        Write(entry.Status);
        Write(entry.AnsweredModel);
        Write(entry.Provider);
        Write(entry.FinishReason);
        Write(LedgerSanitizer.Tokens(usage?.PromptTokens));
        Write(LedgerSanitizer.Tokens(usage?.CompletionTokens));
        Write(LedgerSanitizer.Tokens(usage?.CachedTokens));
        Write(LedgerSanitizer.Tokens(usage?.ReasoningTokens));
        Write(usage?.Cost?.ToStored());
        Write(usage?.Discount?.ToStored());
        Write(LedgerSanitizer.Microseconds(entry.TimeToFirstToken));
        Write(entry.EndedAt is { } endedAt ? LedgerKeys.ToStored(endedAt) : null);
        Write(entry.ClosedAt is { } closedAt ? LedgerKeys.ToStored(closedAt) : null);
        Write(entry.Asked);
        Write(entry.AskAt is { } askAt ? LedgerKeys.ToStored(askAt) : null);
        Write(entry.IsCounted ? 1 : 0);
        Write(entry.Destination);
        Write(usage?.UpstreamCost?.ToStored());
        Write(entry.Held?.ToStored());
        Write(entry.IsError is { } isError ? isError ? 1 : 0 : null);
        Write(LedgerSanitizer.Tokens(entry.LimitTokens));
        Write(entry.AnsweredTime is { } answered ? (long)answered.TotalMilliseconds : null);
        Write(entry.AskedAt is { } askedAt ? LedgerKeys.ToStored(askedAt) : null);
        Write(entry.UpstreamKey);
        Write(entry.Region);
        Write(entry.ServiceTier);
    }

    private void Write(byte value) => Room(1)[0] = value;

    private void Write(Guid value) => value.TryWriteBytes(Room(LedgerKeys.Size), bigEndian: true, out _);

    private void Write(long? value)
    {
        if (value is not { } number)
        {
            Write((byte)0);
            return;
        }

        var bits = (ulong)((number << 1) ^ (number >> 63));
        var size = (64 - int.CreateTruncating(ulong.LeadingZeroCount(bits)) + 7) / 8;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, bits);
        var room = Room(1 + size);
        room[0] = (byte)(size + 1);
        bytes[..size].CopyTo(room[1..]);
    }

    private void Write(string? value)
    {
        if (LedgerSanitizer.Text(value) is not { } text)
        {
            Write((byte)0);
            return;
        }

        Write(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetByteCount(text)));
    }

    private Span<byte> Room(int size)
    {
        if (_bytes.Length - _length < size)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + size));
        }

        _length += size;
        return _bytes.AsSpan(_length - size, size);
    }
}
