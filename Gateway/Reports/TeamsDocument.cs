using System.Text.Json.Serialization;
using Gateway.Primitives;

namespace Gateway.Reports;

/// <summary>The teams as JSON, in the order of the settings. Values that are not known are left out.</summary>
internal sealed record TeamsDocument(IReadOnlyList<TeamsDocument.Team> Teams)
{
    internal sealed record Team
    {
        public required string Id { get; init; }

        /// <summary>The team's budgets; empty without one.</summary>
        public required IReadOnlyList<Budget> Budgets { get; init; }

        /// <summary>The team's limits; <see langword="null"/> without any.</summary>
        public Limits? Limits { get; init; }

        public required IReadOnlyList<Key> Keys { get; init; }
    }

    /// <summary>A budget and its level in the current period. The level is left out while the store of budgets fails.</summary>
    internal sealed record Budget
    {
        public required string Period { get; init; }

        [JsonConverter(typeof(PicoDollarsJsonConverter))]
        public required PicoDollars LimitUsd { get; init; }

        [JsonConverter(typeof(PicoDollarsJsonConverter))]
        public PicoDollars? SpentUsd { get; init; }

        [JsonConverter(typeof(PicoDollarsJsonConverter))]
        public PicoDollars? ReservedUsd { get; init; }

        [JsonConverter(typeof(PicoDollarsJsonConverter))]
        public PicoDollars? LeftUsd { get; init; }

        /// <summary>The end of the period; <see langword="null"/> for a budget without periods.</summary>
        public DateTime? ResetsAt { get; init; }

        public required string WhenExceeded { get; init; }
    }

    internal sealed record Limits(Limit? RequestsPerMinute, Limit? TokensPerMinute, Limit? ConcurrentRequests);

    /// <param name="Maximum">The limit.</param>
    /// <param name="Remaining">The rest of it; <see langword="null"/> while the store of limits fails.</param>
    internal sealed record Limit([property: JsonPropertyName("limit")] long Maximum, long? Remaining);

    internal sealed record Key
    {
        public required string Label { get; init; }

        public DateTime? Expires { get; init; }

        public DateTime? LastUsed { get; init; }

        /// <summary>The key's own budget; <see langword="null"/> without one.</summary>
        public IReadOnlyList<Budget>? Budgets { get; init; }
    }
}
