using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Observability;

/// <summary>The facts about a request that the memory of recent requests keeps beside its log line.</summary>
/// <param name="ArrivedAt">When the request arrived.</param>
/// <param name="OwnRequestId">The gateway's own id of the request.</param>
/// <param name="Streams">Whether it asks for an event stream; <see langword="null"/> if its body was not read.</param>
internal readonly record struct RequestDetails(DateTimeOffset ArrivedAt, string OwnRequestId, bool? Streams)
{
    /// <summary>The row of its call in the ledger.</summary>
    public Guid? Row { get; init; }

    /// <summary>The state of its bill when it ended.</summary>
    public GenerationState? State { get; init; }

    /// <summary>Its charge as the ledger reports it: the cost, or the reservation as long as the bill is unknown.</summary>
    public PicoDollars? Cost { get; init; }

    /// <summary>The name of the OpenRouter key that it carried.</summary>
    public string? UpstreamKey { get; init; }
}
