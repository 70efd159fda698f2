namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The reservation of one body in a <see cref="BodyBudget"/>.</summary>
/// <param name="owner">The owner of the body.</param>
/// <param name="bytes">The reserved bytes.</param>
/// <param name="bypass">
/// The number of the blocked turn that the reservation has passed; <see langword="null"/> if it has passed none.
/// </param>
internal sealed class BodyReservation(BodyOwner owner, long bytes, int? bypass)
{
    public BodyOwner Owner => owner;

    public int? Bypass => bypass;

    /// <summary>The bytes that are still reserved. Guarded by the budget's lock.</summary>
    public long Bytes { get; set; } = bytes;
}
