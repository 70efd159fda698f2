using Gateway.Requests;
using Xunit;

namespace Gateway.Tests.Gateway.Requests;

public sealed class RequestsInFlightTests
{
    [Fact]
    public void Requests_AreRefusedAboveTheLimit()
    {
        using var requests = new RequestsInFlight { Limit = 1 };

        Assert.True(requests.TryEnter());
        Assert.False(requests.TryEnter());
        requests.Exit();
        Assert.True(requests.TryEnter());
        Assert.Equal(1, requests.Count);
    }

    [Fact]
    public void CutAll_CutsEveryRequest_AndHasNoEffectOnceTheHostHasEnded()
    {
        var requests = new RequestsInFlight();
        var cut = requests.Cut;
        requests.CutAll();
        Assert.True(cut.IsCancellationRequested);

        // The timer may fire while the host disposes its services.
        requests = new RequestsInFlight();
        cut = requests.Cut;
        requests.Dispose();
        requests.CutAll();
        Assert.False(cut.IsCancellationRequested);
    }
}
