using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Primitives;

namespace Gateway.Reports;

/// <summary>Writes an amount as a JSON number with all its decimals: a binary fraction would round it.</summary>
internal sealed class PicoDollarsJsonConverter : JsonConverter<PicoDollars>
{
    public override PicoDollars Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        PicoDollars.TryParse(reader.ValueSpan, out var amount) ? amount : throw new JsonException("expected an amount in US dollars");

    public override void Write(Utf8JsonWriter writer, PicoDollars value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value.ToString());
}
