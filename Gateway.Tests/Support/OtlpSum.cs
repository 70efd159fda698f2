using System.Text;
using static Gateway.Tests.Support.OtlpMessage;

namespace Gateway.Tests.Support;

/// <summary>A point of a counter in an OTLP message (opentelemetry/proto/metrics/v1/metrics.proto).</summary>
/// <param name="Name">The instrument's name.</param>
/// <param name="Attributes">The point's attributes as text.</param>
/// <param name="Value">The sum, of a counter of whole numbers.</param>
internal sealed record OtlpSum(string Name, IReadOnlyDictionary<string, string> Attributes, ulong Value)
{
    /// <summary>Reads the sums of an <c>ExportMetricsServiceRequest</c>.</summary>
    public static IEnumerable<OtlpSum> Read(byte[] message) =>
        from metric in Items(message)
        let name = Encoding.UTF8.GetString(Fields(metric).Single(static field => field.Number == 1).Bytes)
        from sum in Fields(metric)
        where sum.Number == 7
        from point in Fields(sum.Bytes)
        where point.Number == 1
        let fields = Fields(point.Bytes).ToLookup(static field => field.Number)
        select new OtlpSum(name, OtlpMessage.Attributes(fields[7]), fields[6].Select(static field => field.Value).SingleOrDefault());
}
