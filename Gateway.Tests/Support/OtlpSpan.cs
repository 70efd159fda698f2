using System.Text;
using static Gateway.Tests.Support.OtlpMessage;

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
    public static IEnumerable<OtlpSpan> Read(byte[] message) => Items(message).Select(ReadSpan);

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
            Attributes = OtlpMessage.Attributes(fields[9]),
            Status = fields[15].SelectMany(static field => Fields(field.Bytes)).Where(static field => field.Number == 3).Select(static field => field.Value)
                .SingleOrDefault(),
        };

        string Hex(int number) => fields[number].Select(static field => Convert.ToHexStringLower(field.Bytes)).SingleOrDefault("");
    }
}
