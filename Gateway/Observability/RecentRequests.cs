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
    private readonly DateTimeOffset _startedAt;
    private long _count;

    /// <summary>Creates an empty memory.</summary>
    /// <param name="capacity">The number of requests; zero for none.</param>
    /// <param name="startedAt">The current time.</param>
    public RecentRequests(int capacity, DateTimeOffset startedAt)
    {
        _capacity = capacity;
        _startedAt = startedAt;
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

    /// <summary>Reads the kept requests, those that arrived last first.</summary>
    /// <param name="completeSince">The time since which every request that has ended is among them.</param>
    public IReadOnlyList<RequestRecord> Read(out DateTimeOffset completeSince)
    {
        var requests = new List<RequestRecord>();
        var hasOthers = Volatile.Read(ref _count) > _capacity;
        Span<byte> copy = stackalloc byte[RequestSlot.Size];
        for (var index = 0; index < _capacity; index++)
        {
            if (TryCopy(index, copy))
            {
                requests.Add(RequestSlot.Read(copy));
            }
        }

        // A request that is not kept any more had ended before the oldest one that is.
        completeSince = !IsOn ? DateTimeOffset.MaxValue
            : hasOthers && requests.Count > 0 ? requests.Min(static request => request.Time.AddMilliseconds(request.DurationMs ?? 0))
            : _startedAt;
        requests.Sort(static (one, other) => other.Time.CompareTo(one.Time));
        return requests;
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
