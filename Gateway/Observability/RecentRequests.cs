using System.Text;
using Gateway.Ledger;

namespace Gateway.Observability;

/// <summary>
/// The latest requests of this process, for the look-up at the admin address. A ring of slots of a fixed size: a request is copied into its
/// slot as bytes, so that it leaves no object behind that the garbage collector would have to move. Thread-safe, without a lock.
/// </summary>
/// <remarks>
/// A slot's version is odd while it is written. A writer that finds its slot being written drops its request: the ring has gone round
/// meanwhile. A reader skips a slot whose version has changed. Memory is allocated as requests arrive.
/// </remarks>
internal sealed class RecentRequests
{
    private const int SlotsPerChunk = 256;

    private readonly int _capacity;
    private readonly int[] _versions;
    private readonly byte[]?[] _chunks;
    private long _count;

    /// <summary>Creates an empty memory.</summary>
    /// <param name="capacity">The number of requests; zero for none.</param>
    public RecentRequests(int capacity)
    {
        _capacity = capacity;
        _versions = new int[capacity];
        _chunks = new byte[]?[(capacity + SlotsPerChunk - 1) / SlotsPerChunk];
    }

    /// <summary>Whether requests are kept.</summary>
    public bool IsOn => _capacity > 0;

    /// <summary>The bytes that are allocated.</summary>
    internal long AllocatedBytes => _chunks.Sum(static chunk => chunk?.LongLength ?? 0);

    /// <summary>Keeps a request that has ended.</summary>
    public void Add(RequestLine line, in RequestDetails details)
    {
        var index = (int)((Interlocked.Increment(ref _count) - 1) % _capacity);
        ref var version = ref _versions[index];
        var before = Volatile.Read(ref version);
        if ((before & 1) != 0 || Interlocked.CompareExchange(ref version, before + 1, before) != before)
        {
            return;
        }

        RequestSlot.Write(SlotOf(index), line, details);
        Volatile.Write(ref version, before + 2);
    }

    /// <summary>
    /// Reads the kept requests, those that arrived last first. A request is decoded when it is enumerated: a caller that needs a hundred does
    /// not pay for ten thousand.
    /// </summary>
    public IEnumerable<RequestRecord> Read()
    {
        var order = new List<(DateTimeOffset ArrivedAt, int Index)>();
        Span<byte> copy = stackalloc byte[RequestSlot.Size];
        for (var index = 0; index < _capacity; index++)
        {
            if (TryCopy(index, copy))
            {
                order.Add((RequestSlot.ReadArrival(copy), index));
            }
        }

        order.Sort(static (one, other) => other.ArrivedAt.CompareTo(one.ArrivedAt));
        return Decode(order);
    }

    /// <summary>Finds a request by one of its ids: the response's, the gateway's own or upstream's.</summary>
    public RequestRecord? Find(string id)
    {
        var text = Encoding.UTF8.GetBytes(id);
        Span<byte> copy = stackalloc byte[RequestSlot.Size];
        for (var index = 0; index < _capacity && text.Length > 0; index++)
        {
            // Most slots are passed over without being decoded.
            if (TryCopy(index, copy)
                && copy.IndexOf(text) >= 0
                && RequestSlot.Read(copy) is var request
                && (request.RequestId == id || request.OwnRequestId == id || request.GenerationId == id))
            {
                return request;
            }
        }

        return null;
    }

    private IEnumerable<RequestRecord> Decode(List<(DateTimeOffset ArrivedAt, int Index)> order)
    {
        var copy = new byte[RequestSlot.Size];
        foreach (var (arrivedAt, index) in order)
        {
            // A slot that was written meanwhile has a newer request.
            if (TryCopy(index, copy) && RequestSlot.ReadArrival(copy) == arrivedAt)
            {
                yield return RequestSlot.Read(copy);
            }
        }
    }

    private bool TryCopy(int index, Span<byte> copy)
    {
        var before = Volatile.Read(ref _versions[index]);
        if (before == 0 || (before & 1) != 0)
        {
            return false;
        }

        SlotOf(index).CopyTo(copy);
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref _versions[index]) == before;
    }

    private Span<byte> SlotOf(int index)
    {
        ref var chunk = ref _chunks[index / SlotsPerChunk];
        var slots = Volatile.Read(ref chunk);
        if (slots is null)
        {
            var created = new byte[SlotsPerChunk * RequestSlot.Size];
            slots = Interlocked.CompareExchange(ref chunk, created, null) ?? created;
        }

        return slots.AsSpan(index % SlotsPerChunk * RequestSlot.Size, RequestSlot.Size);
    }
}
