using System.Text.Json.Serialization;
using Gateway.Primitives;

namespace Gateway.Reports;

/// <summary>Usage as JSON.</summary>
/// <param name="Rows">One row a group, in display order.</param>
internal sealed record UsageDocument(IReadOnlyList<UsageDocument.Row> Rows)
{
    /// <summary>A row: the members of the group, others are left out, and the sums.</summary>
    internal sealed record Row
    {
        public string? Day { get; set; }

        public string? Month { get; set; }

        public string? Team { get; set; }

        public string? Key { get; set; }

        public string? Model { get; set; }

        public string? Provider { get; set; }

        public string? Rule { get; set; }

        public required long Requests { get; init; }

        public required long PromptTokens { get; init; }

        public required long CompletionTokens { get; init; }

        [JsonConverter(typeof(PicoDollarsJsonConverter))]
        public required PicoDollars CostUsd { get; init; }

        public required long Unresolved { get; init; }
    }
}

/// <summary>The source-generated writer of <see cref="UsageDocument"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UsageDocument))]
internal sealed partial class UsageJsonContext : JsonSerializerContext;
