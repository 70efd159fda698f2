using Gateway.OpenRouter;
using Xunit;

namespace Gateway.Tests.Gateway.OpenRouter;

/// <summary>Promise: the name in a ledger row leads back to the destination that served the call.</summary>
public sealed class DestinationNameTests
{
    [Theory]
    [InlineData("openrouter", "main", "main")]
    [InlineData("eu", "main", "eu/main")]
    public void Name_LeadsBack(string cluster, string destination, string name)
    {
        Assert.Equal(name, DestinationName.Of(cluster, destination));
        Assert.Equal((cluster, destination), DestinationName.Split(name));
    }
}
