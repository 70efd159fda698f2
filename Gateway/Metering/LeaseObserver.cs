using Gateway.Limits;

namespace Gateway.Metering;

/// <summary>
/// Ends the lease of a request that is not metered when its response has come to its end, before the last bytes are sent to the client: a
/// client that has read the response may send its next request at once.
/// </summary>
/// <param name="lease">The lease.</param>
/// <param name="length">The announced length; <see langword="null"/> without one, where the client sees the end only after <see cref="EndAsync"/>.</param>
internal sealed class LeaseObserver(ILimitLease lease, long? length) : IResponseObserver
{
    private long _remainingBytes = length ?? long.MaxValue;

    /// <inheritdoc />
    public ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes)
    {
        _remainingBytes -= bytes.Length;
        return _remainingBytes > 0 ? default : EndAsync();
    }

    /// <inheritdoc />
    public ValueTask EndAsync() => lease.ReturnAsync(tokens: null);
}
