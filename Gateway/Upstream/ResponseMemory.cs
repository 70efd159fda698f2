using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Upstream;

/// <summary>
/// Counts the held beginnings of responses in the memory of request bodies, under the same owners. Up to 64 KB they count like small bodies,
/// without a lock; larger ones have a reservation. A beginning never waits for memory and displaces no body: without room it is held no further.
/// </summary>
internal sealed class ResponseMemory(RequestBodyMemory memory, IOptions<ProviderMappingOptions> mapping)
{
    /// <summary>Counts a beginning of another size than before.</summary>
    /// <param name="context">The request, whose owner the memory is counted for.</param>
    /// <param name="bytes">The size of the whole beginning.</param>
    /// <param name="count">The count before; unchanged without room.</param>
    /// <returns>Whether there is room.</returns>
    public bool TryCount(HttpContext context, int bytes, ref Count count)
    {
        Count next;
        if (bytes <= RequestBodyMemory.SmallBodySize && memory.TryHoldSmall(bytes))
        {
            next = new Count(bytes, Reservation: null);
        }
        else if (memory.TryReserve(mapping.Value.RequestBodyOwner(context), bytes) is { } reservation)
        {
            next = new Count(bytes, reservation);
        }
        else
        {
            return false;
        }

        End(ref count);
        count = next;
        return true;
    }

    /// <summary>Ends a count. Without effect on one that has ended or never began.</summary>
    public void End(ref Count count)
    {
        var ended = count;
        count = default;
        if (ended.Reservation is { } reservation)
        {
            memory.Release(reservation, ended.Bytes);
        }
        else if (ended.Bytes > 0)
        {
            memory.ReleaseSmall(ended.Bytes);
        }
    }

    /// <summary>The bytes that are counted for one beginning; nothing by default.</summary>
    /// <param name="Bytes">Their number.</param>
    /// <param name="Reservation">Their reservation; <see langword="null"/> if they count as a small body.</param>
    internal readonly record struct Count(int Bytes, BodyReservation? Reservation);
}
