using Gateway.OpenRouter;
using Xunit;

namespace Gateway.Tests.Gateway.OpenRouter;

/// <summary>Promise: the name in a ledger row leads back to the destination that served the call.</summary>
public sealed class DestinationNameTests
{
    [Theory]
    [InlineData("openrouter", "main", "main")]
    [InlineData("eu", "main", "eu/main")]
    [InlineData("eu", "a/b", "eu/a/b")]
    public void Name_LeadsBack(string cluster, string destination, string name)
    {
        Assert.Equal(name, DestinationName.Of(cluster, destination));
        Assert.True(DestinationName.TryResolve(name, cluster, out var resolved));
        Assert.Equal(destination, resolved);
    }

    [Theory]
    [InlineData("main", "eu")]
    [InlineData("eu", "eu")]
    [InlineData("eu/", "eu")]
    [InlineData("europe/main", "eu")]
    public void NameOfAnotherCluster_IsNotResolved(string name, string cluster) =>
        Assert.False(DestinationName.TryResolve(name, cluster, out _));
}
