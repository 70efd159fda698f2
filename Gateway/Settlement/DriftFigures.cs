using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Primitives;

namespace Gateway.Settlement;

/// <summary>The figures of a turn of <see cref="DriftWorker"/> for one key, as the ledger keeps them.</summary>
/// <param name="Used">The usage of the key according to OpenRouter.</param>
/// <param name="Drift">The drift.</param>
/// <param name="Costs">The costs of each team with the key according to the ledger.</param>
internal sealed record DriftFigures(PicoDollars Used, PicoDollars Drift, Dictionary<string, PicoDollars> Costs)
{
    private static readonly JsonEncodedText UsedName = JsonEncodedText.Encode("used");
    private static readonly JsonEncodedText DriftName = JsonEncodedText.Encode("drift");
    private static readonly JsonEncodedText CostsName = JsonEncodedText.Encode("costs");

    /// <summary>Reads figures; <see langword="null"/> if there are none.</summary>
    public static DriftFigures? Read(string? text)
    {
        if (text is null)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            var costs = new Dictionary<string, PicoDollars>(StringComparer.Ordinal);
            foreach (var team in document.RootElement.GetProperty(CostsName.EncodedUtf8Bytes).EnumerateObject())
            {
                costs[team.Name] = Amount(team.Value);
            }

            return new DriftFigures(
                Amount(document.RootElement.GetProperty(UsedName.EncodedUtf8Bytes)),
                Amount(document.RootElement.GetProperty(DriftName.EncodedUtf8Bytes)),
                costs);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The figures as text: amounts in pico-dollars.</summary>
    public string ToText()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString(UsedName, Text(Used));
            writer.WriteString(DriftName, Text(Drift));
            writer.WriteStartObject(CostsName);
            foreach (var (team, cost) in Costs)
            {
                writer.WriteString(team, Text(cost));
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private static string Text(PicoDollars amount) => amount.Value.ToString(CultureInfo.InvariantCulture);

    private static PicoDollars Amount(JsonElement amount) =>
        new(Int128.Parse(amount.GetString() ?? "", CultureInfo.InvariantCulture));
}
