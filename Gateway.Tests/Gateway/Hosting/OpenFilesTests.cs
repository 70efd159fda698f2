using Gateway.Hosting;
using Xunit;

namespace Gateway.Tests.Gateway.Hosting;

public sealed class OpenFilesTests
{
    [Theory]
    [InlineData(1024, 200, 380)]
    [InlineData(256, 202, 8)]
    [InlineData(20_264, 200, 10_000)]
    [InlineData(1_048_576, 200, 10_000)]
    [InlineData(long.MaxValue, 200, 10_000)]
    public void Connections_AreHalfOfWhatIsLeft(long limit, long inUse, int expected) =>
        Assert.Equal(expected, new OpenFiles(limit, inUse).AllowedConnections);
}
