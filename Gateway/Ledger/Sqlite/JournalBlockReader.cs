namespace Gateway.Ledger.Sqlite;

/// <summary>Reads blocks of <see cref="JournalBlockWriter"/>.</summary>
internal ref struct JournalBlockReader(ReadOnlySpan<byte> bytes)
{
    /// <summary>Marks a text in <see cref="ValuesOf"/>.</summary>
    public const char TextValue = 't';

    private const byte WithoutDestination = 1;
    private const byte WithoutSettlement = 2;
    private const byte WithoutOrigin = 3;
    private const byte Null = 0;

    // The values that format 3 added to the end of an entry: all of them are numbers.
    private const int SettlementValues = 6;

    // The values that format 4 added: the region, the tier and the key to an end, one of them to other entries.
    private const int OriginValuesOfEnded = 3;
    private const int OriginValues = 1;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Whether all bytes were read.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>The number of bytes left.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>Reads the beginning of a block.</summary>
    /// <exception cref="LedgerException">Another version of the gateway wrote the block.</exception>
    public ReadOnlySpan<byte> Begin()
    {
        var format = Take(1)[0];
        return format == JournalBlockWriter.Format
            ? Id()
            : throw new LedgerException(
                $"The ledger's journal has entries of format {format}, this version reads format {JournalBlockWriter.Format}: "
                + "another version of the gateway wrote them");
    }

    /// <summary>Reads the beginning of an entry.</summary>
    /// <exception cref="LedgerException">Its kind is unknown.</exception>
    public JournalEntryKind Kind()
    {
        var kind = (JournalEntryKind)Take(1)[0];
        return kind is JournalEntryKind.Began or JournalEntryKind.Named or JournalEntryKind.Ended
            ? kind
            : throw new LedgerException($"The ledger's journal has an entry of kind {(byte)kind}, which this version does not know");
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
    public static ReadOnlySpan<char> ValuesOf(JournalEntryKind kind) => kind switch
    {
        JournalEntryKind.Began => "ntttttttnnnt",
        JournalEntryKind.Ended => "ntntttnnnnnnnnnnnntnnnnnnttt",
        _ => "tt",
    };

    /// <summary>Skips the values of an entry, after its id.</summary>
    public void Skip(JournalEntryKind kind)
    {
        if (kind != JournalEntryKind.Began)
        {
            Text(out _);
        }

        Skip(ValuesOf(kind));
    }

    /// <summary>
    /// Converts a block to the current format: earlier formats lack the last values of entries. Blocks of other formats are returned
    /// unchanged.
    /// </summary>
    /// <exception cref="LedgerException">The block cannot be read.</exception>
    public static ReadOnlySpan<byte> Upgrade(ReadOnlySpan<byte> block)
    {
        if (block is not [WithoutDestination or WithoutSettlement or WithoutOrigin, ..])
        {
            return block;
        }

        // Each entry grows by a few bytes, and is longer than an id.
        var upgraded = new byte[block.Length * 2];
        upgraded[0] = JournalBlockWriter.Format;
        var (from, length) = (1, 1);
        var reader = new JournalBlockReader(block[1..]);
        reader.Id();
        while (!reader.IsAtEnd)
        {
            var kind = reader.Kind();
            reader.Id();
            if (kind != JournalEntryKind.Began)
            {
                reader.Text(out _);
            }

            var missing = Missing(kind, block[0]);
            reader.Skip(ValuesOf(kind)[..^missing]);
            Copy(block, block.Length - reader.Left);
            for (var i = 0; i < missing; i++)
            {
                upgraded[length++] = Null;
            }
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

    /// <summary>The number of values that an entry of an earlier format lacks.</summary>
    private static int Missing(JournalEntryKind kind, byte format)
    {
        var origin = kind == JournalEntryKind.Ended ? OriginValuesOfEnded : OriginValues;
        var settlement = kind == JournalEntryKind.Ended && format <= WithoutSettlement ? SettlementValues : 0;
        var destination = kind != JournalEntryKind.Began && format == WithoutDestination ? 1 : 0;
        return origin + settlement + destination;
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
