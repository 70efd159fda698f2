using Gateway.Teams;
using Xunit;

namespace Gateway.Tests.Gateway.Teams;

public sealed class GatewayKeysTests
{
    [Fact]
    public void New_HasItsFormAndIsAnotherOneEachTime()
    {
        var keys = Enumerable.Range(0, 100).Select(_ => GatewayKeys.New()).ToArray();

        Assert.All(keys, key => Assert.Matches("^ogw-[A-Za-z0-9_-]{43}$", key));
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Theory]
    [InlineData("ogw-abc", true)]
    [InlineData("OGW-abc", true)]
    [InlineData("Bearer ogw-abc", true)]
    [InlineData("bearer\tOgw-abc", true)]
    [InlineData("Bearer  \"ogw-abc\"", true)]
    [InlineData("Bearer x, Bearer ogw-abc", true)]
    [InlineData("Bearer xogw-ogw-y ogw-z", true)]
    [InlineData("Bearer ogw-abc, Bearer xogw-abc", true)]
    [InlineData("Bearer sk-or-v1-ogw-abc", false)]
    [InlineData("Bearer sk_ogw-abc", false)]
    [InlineData("Bearer xogw-abc", false)]
    [InlineData("Bearer ogw", false)]
    [InlineData("", false)]
    public void IsIn_FindsAKeyWhereACredentialMayBegin(string value, bool expected) => Assert.Equal(expected, GatewayKeys.IsIn(value));
}
