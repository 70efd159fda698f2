using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>A span of an OTLP message (opentelemetry/proto/trace/v1/trace.proto).</summary>
internal sealed record OtlpSpan
{
    public required string Trace { get; init; }

    public required string Id { get; init; }

    /// <summary>The parent's id; empty for a root.</summary>
    public required string Parent { get; init; }

    public required string Name { get; init; }

    /// <summary>2 for a server span, 3 for a client span.</summary>
    public required ulong Kind { get; init; }

    /// <summary>The attributes as text; the items of an array are joined by commas.</summary>
    public required IReadOnlyDictionary<string, string> Attributes { get; init; }

    /// <summary>2 for an error.</summary>
    public required ulong Status { get; init; }

    /// <summary>Reads the spans of an <c>ExportTraceServiceRequest</c>.</summary>
    public static IEnumerable<OtlpSpan> Read(byte[] message) =>
        from resource in Fields(message)
        where resource.Number == 1
        from scope in Fields(resource.Bytes)
        where scope.Number == 2
        from span in Fields(scope.Bytes)
        where span.Number == 2
        select ReadSpan(span.Bytes);

    private static OtlpSpan ReadSpan(byte[] bytes)
    {
        var fields = Fields(bytes).ToLookup(static field => field.Number);
        return new OtlpSpan
        {
            Trace = Hex(1),
            Id = Hex(2),
            Parent = Hex(4),
            Name = Encoding.UTF8.GetString(fields[5].Single().Bytes),
            Kind = fields[6].Single().Value,
            Attributes = fields[9].Select(static field => Pair(field.Bytes)).ToDictionary(static pair => pair.Key, static pair => pair.Value),
            Status = fields[15].SelectMany(static field => Fields(field.Bytes)).Where(static field => field.Number == 3).Select(static field => field.Value)
                .SingleOrDefault(),
        };

        string Hex(int number) => fields[number].Select(static field => Convert.ToHexStringLower(field.Bytes)).SingleOrDefault("");
    }

    private static KeyValuePair<string, string> Pair(byte[] bytes)
    {
        var fields = Fields(bytes).ToDictionary(static field => field.Number);
        return new(Encoding.UTF8.GetString(fields[1].Bytes), Text(fields[2].Bytes));
    }

    // AnyValue: text, boolean, whole number, floating point, array.
    private static string Text(byte[] value)
    {
        var (number, whole, bytes) = Fields(value).Single();
        return number switch
        {
            1 => Encoding.UTF8.GetString(bytes),
            2 => whole == 1 ? "true" : "false",
            3 => ((long)whole).ToString(CultureInfo.InvariantCulture),
            4 => BitConverter.UInt64BitsToDouble(whole).ToString(CultureInfo.InvariantCulture),
            5 => string.Join(',', Fields(bytes).Select(static item => Text(item.Bytes))),
            _ => throw new InvalidDataException($"Field {number} of a value."),
        };
    }

    private static IEnumerable<(int Number, ulong Value, byte[] Bytes)> Fields(byte[] message)
    {
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message, ref at);
            var number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    yield return (number, Varint(message, ref at), []);
                    break;
                case 1:
                    yield return (number, BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(at)), []);
                    at += sizeof(ulong);
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    yield return (number, 0, message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    yield return (number, BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at)), []);
                    at += sizeof(uint);
                    break;
                default:
                    throw new InvalidDataException($"Wire type {tag & 7}.");
            }
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var part = message[at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }
    }
}
