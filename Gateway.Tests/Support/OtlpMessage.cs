using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>Reads the protobuf of an OTLP message.</summary>
internal static class OtlpMessage
{
    /// <summary>The spans of an <c>ExportTraceServiceRequest</c>, or the metrics of an <c>ExportMetricsServiceRequest</c>.</summary>
    public static IEnumerable<byte[]> Items(byte[] message) =>
        from resource in Fields(message)
        where resource.Number == 1
        from scope in Fields(resource.Bytes)
        where scope.Number == 2
        from item in Fields(scope.Bytes)
        where item.Number == 2
        select item.Bytes;

    /// <summary>Attributes (<c>KeyValue</c>) as text; the items of an array are joined by commas.</summary>
    public static Dictionary<string, string> Attributes(IEnumerable<(int Number, ulong Value, byte[] Bytes)> fields) =>
        fields.Select(static field => Pair(field.Bytes)).ToDictionary(static pair => pair.Key, static pair => pair.Value);

    /// <summary>The fields of a message.</summary>
    public static IEnumerable<(int Number, ulong Value, byte[] Bytes)> Fields(byte[] message)
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
