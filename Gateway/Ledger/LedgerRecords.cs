using System.Buffers.Binary;
using System.Text;

namespace Gateway.Ledger;

/// <summary>The kind of an entry in the journal. Stored by number.</summary>
internal enum LedgerRecordKind : byte
{
    Began = 1,
    Named = 2,
    Ended = 3,
}

/// <summary>
/// Serializes ledger entries into a block, which a transaction appends to the journal. A block starts with its format number and the id of
/// the node that wrote it. Values follow in the order of the table's columns, already cleaned for them.
/// </summary>
/// <remarks>
/// A number is its byte count plus one, followed by its bytes, little-endian and zigzag-encoded. A text is its length in bytes as such a
/// number, followed by its UTF-8. A single zero byte is null.
/// </remarks>
internal sealed class LedgerRecordWriter
{
    /// <summary>The format that is written. Format 1 ends before the destination; a higher number is a newer gateway's.</summary>
    public const byte Format = 2;

    private byte[] _bytes = new byte[4096];
    private int _length;

    /// <summary>The bytes written since <see cref="Begin"/>.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    /// <summary>Begins a block.</summary>
    public void Begin(Guid node)
    {
        _length = 0;
        Write(Format);
        Write(node);
    }

    public void Write(LedgerEntry entry)
    {
        switch (entry)
        {
            case LedgerEntry.Began began:
                Write(began);
                break;
            case LedgerEntry.Named named:
                Write((byte)LedgerRecordKind.Named);
                Write(named.Id);
                Write(named.GenerationId);
                Write(named.Destination);
                break;
            case LedgerEntry.Ended ended:
                Write(ended);
                break;
            default:
                throw new InvalidOperationException($"{entry.GetType().Name} is no entry of a ledger");
        }
    }

    private void Write(LedgerEntry.Began entry)
    {
        Write((byte)LedgerRecordKind.Began);
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
    }

    private void Write(LedgerEntry.Ended entry)
    {
        var usage = entry.Usage;
        Write((byte)LedgerRecordKind.Ended);
        Write(entry.Id);
        Write(entry.GenerationId);
        Write((int)entry.State);
        Write(entry.End);
        Write(entry.Status);
        Write(entry.AnsweredModel);
        Write(entry.Provider);
        Write(entry.FinishReason);
        Write(LedgerValues.Tokens(usage?.PromptTokens));
        Write(LedgerValues.Tokens(usage?.CompletionTokens));
        Write(LedgerValues.Tokens(usage?.CachedTokens));
        Write(LedgerValues.Tokens(usage?.ReasoningTokens));
        Write(usage?.Cost?.ToStored());
        Write(usage?.Discount?.ToStored());
        Write(LedgerValues.Microseconds(entry.TimeToFirstToken));
        Write(entry.EndedAt is { } endedAt ? LedgerKeys.ToStored(endedAt) : null);
        Write(entry.ClosedAt is { } closedAt ? LedgerKeys.ToStored(closedAt) : null);
        Write(entry.Asked);
        Write(entry.AskAt is { } askAt ? LedgerKeys.ToStored(askAt) : null);
        Write(entry.IsCounted ? 1 : 0);
        Write(entry.Destination);
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
        if (LedgerValues.Text(value) is not { } text)
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

/// <summary>Reads blocks of <see cref="LedgerRecordWriter"/>.</summary>
internal ref struct LedgerRecordReader(ReadOnlySpan<byte> bytes)
{
    /// <summary>Marks a text in <see cref="ValuesOf"/>.</summary>
    public const char TextValue = 't';

    private const byte WithoutDestination = 1;
    private const byte Null = 0;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Whether all bytes were read.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>The number of bytes left.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>Reads the beginning of a block.</summary>
    /// <exception cref="LedgerException">Another version has written it.</exception>
    public ReadOnlySpan<byte> Begin()
    {
        var format = Take(1)[0];
        return format == LedgerRecordWriter.Format
            ? Id()
            : throw new LedgerException(
                $"The ledger's journal has entries of format {format}, this program knows format {LedgerRecordWriter.Format}: "
                + "another version of the gateway has written them");
    }

    /// <summary>Reads the beginning of an entry.</summary>
    /// <exception cref="LedgerException">Its kind is unknown.</exception>
    public LedgerRecordKind Kind()
    {
        var kind = (LedgerRecordKind)Take(1)[0];
        return kind is LedgerRecordKind.Began or LedgerRecordKind.Named or LedgerRecordKind.Ended
            ? kind
            : throw new LedgerException($"The ledger's journal has an entry of kind {(byte)kind}, which this program does not know");
    }

    /// <summary>Reads an id, in its column's byte order.</summary>
    public ReadOnlySpan<byte> Id() => Take(LedgerKeys.Size);

    /// <summary>Reads a number.</summary>
    public long? Number()
    {
        var size = Take(1)[0] - 1;
        if (size < 0)
        {
            return null;
        }

        if (size > sizeof(ulong))
        {
            throw Broken();
        }

        var bits = 0UL;
        var bytes = Take(size);
        for (var i = 0; i < bytes.Length; i++)
        {
            bits |= (ulong)bytes[i] << (i * 8);
        }

        return (long)(bits >> 1) ^ -(long)(bits & 1);
    }

    /// <summary>Reads a text; the span is empty for <see langword="null"/>.</summary>
    public bool Text(out ReadOnlySpan<byte> utf8)
    {
        var length = Number();
        utf8 = length is { } count ? Take(checked((int)count)) : default;
        return length is not null;
    }

    /// <summary>The types of an entry's values after its id and, if it has one, its generation id: numbers and texts.</summary>
    public static ReadOnlySpan<char> ValuesOf(LedgerRecordKind kind) => kind switch
    {
        LedgerRecordKind.Began => "ntttttttnnn",
        LedgerRecordKind.Ended => "ntntttnnnnnnnnnnnnt",
        _ => "t",
    };

    /// <summary>Skips the values of an entry, after its id.</summary>
    public void Skip(LedgerRecordKind kind)
    {
        if (kind != LedgerRecordKind.Began)
        {
            Text(out _);
        }

        Skip(ValuesOf(kind));
    }

    /// <summary>
    /// Brings a block into the current format. Format 1 has no destination, which is the last value of the entries that have one. A block
    /// of any other format is returned as it is.
    /// </summary>
    /// <exception cref="LedgerException">The block cannot be read.</exception>
    public static ReadOnlySpan<byte> Upgrade(ReadOnlySpan<byte> block)
    {
        if (block is not [WithoutDestination, ..])
        {
            return block;
        }

        // One byte more for each entry, which is longer than a byte.
        var upgraded = new byte[block.Length * 2];
        upgraded[0] = LedgerRecordWriter.Format;
        var (from, length) = (1, 1);
        var reader = new LedgerRecordReader(block[1..]);
        reader.Id();
        while (!reader.IsAtEnd)
        {
            var kind = reader.Kind();
            reader.Id();
            if (kind == LedgerRecordKind.Began)
            {
                reader.Skip(ValuesOf(kind));
                continue;
            }

            reader.Text(out _);
            reader.Skip(ValuesOf(kind)[..^1]);
            Copy(block, block.Length - reader.Left);
            upgraded[length++] = Null;
        }

        Copy(block, block.Length);
        return upgraded.AsSpan(0, length);

        void Copy(ReadOnlySpan<byte> source, int to)
        {
            source[from..to].CopyTo(upgraded.AsSpan(length));
            length += to - from;
            from = to;
        }
    }

    private void Skip(ReadOnlySpan<char> values)
    {
        foreach (var value in values)
        {
            if (value == TextValue)
            {
                Text(out _);
            }
            else
            {
                Number();
            }
        }
    }

    private static LedgerException Broken() => new("The ledger's journal has an entry that cannot be read");

    private ReadOnlySpan<byte> Take(int size)
    {
        if ((uint)size > (uint)_rest.Length)
        {
            throw Broken();
        }

        var taken = _rest[..size];
        _rest = _rest[size..];
        return taken;
    }
}
