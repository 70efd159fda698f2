using Gateway.Metering;
using Gateway.Tests.Gateway.Admission;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Promise: the lease of a request that is not metered ends before the client has the last bytes, and not earlier.</summary>
public sealed class LeaseObserverTests
{
    private readonly RecordingStores _stores = new();

    [Fact]
    public async Task AnnouncedLength_EndsTheLeaseBeforeItsLastByte()
    {
        var observer = new LeaseObserver(_stores, 10);
        await observer.ObserveAsync(new byte[9]);
        Assert.Empty(_stores.Steps);

        await observer.ObserveAsync(new byte[1]);

        Assert.Equal(["return lease"], _stores.Steps);
    }

    [Fact]
    public async Task WithoutALength_TheEndEndsTheLease()
    {
        var observer = new LeaseObserver(_stores, null);
        await observer.ObserveAsync(new byte[1 << 20]);
        Assert.Empty(_stores.Steps);

        await observer.EndAsync();

        Assert.Equal(["return lease"], _stores.Steps);
    }
}
