using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: uploads that wait on an HTTP/2 connection do not stop the others on it.</summary>
public sealed class HttpWindowTests
{
    private const int MaxConcurrentStreams = 3;
    private const int InitialWindowSize = 4;

    /// <summary>An upload that is not read fills the window of its stream, and as much of that of its connection.</summary>
    [Fact]
    public async Task WindowOfTheConnection_HoldsThoseOfAllItsStreams()
    {
        await using var gateway = await GatewayHost.StartAsync(static options => options.Certificate = TestCertificate.Create());

        var (settings, window) = await RawHttp2Client.ReadWindowsAsync(gateway.Address);

        Assert.Equal(settings[MaxConcurrentStreams] * settings[InitialWindowSize], window);
    }
}
