using System.Text.Json.Serialization;

namespace Gateway.Reports;

/// <summary>Generated serialisation of the look-up's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RequestsDocument))]
[JsonSerializable(typeof(RequestDocument))]
[JsonSerializable(typeof(TeamsDocument))]
internal sealed partial class LookupJsonContext : JsonSerializerContext;
