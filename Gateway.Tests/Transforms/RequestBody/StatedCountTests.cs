using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class StatedCountTests
{
    [Theory]
    [InlineData("""{}""", 0L, false)]
    [InlineData("""{"max_tokens":null}""", 0L, false)]
    [InlineData("""{"max_tokens":10}""", 10L, false)]
    [InlineData("""{"ma\u0078_tokens":5}""", 5L, false)]
    [InlineData("""{"max_tokens":5,"max_tokens":10}""", 10L, false)]
    [InlineData("""{"max_tokens":10,"max_tokens":5}""", 10L, false)]
    [InlineData("""{"max_tokens":10,"max_tokens":null}""", 10L, true)]
    [InlineData("""{"max_tokens":null,"max_tokens":10}""", 10L, true)]
    [InlineData("""{"max_tokens":2.5}""", 3L, false)]
    [InlineData("""{"max_tokens":1e2}""", 100L, false)]
    [InlineData("""{"max_tokens":0}""", 0L, true)]
    [InlineData("""{"max_tokens":-5}""", 0L, true)]
    [InlineData("""{"max_tokens":-1e99}""", 0L, true)]
    [InlineData("""{"max_tokens":"7"}""", 7L, true)]
    [InlineData("""{"max_tokens":"many"}""", 0L, true)]
    [InlineData("""{"max_tokens":"NaN"}""", 0L, true)]
    [InlineData("""{"max_tokens":" 9000\n"}""", 9000L, true)]
    [InlineData("""{"max_tokens":"\u0039000"}""", 9000L, true)]
    [InlineData("""{"max_tokens":"9_000"}""", long.MaxValue, true)]
    [InlineData("""{"max_tokens":"0x2000"}""", long.MaxValue, true)]
    [InlineData("""{"max_tokens":"9000 tokens"}""", long.MaxValue, true)]
    [InlineData("""{"max_tokens":"-9000"}""", 0L, true)]
    [InlineData("""{"max_tokens":"1e99"}""", long.MaxValue, true)]
    [InlineData("""{"max_tokens":""}""", 0L, true)]
    [InlineData("""{"max_tokens":1e999}""", long.MaxValue, false)]
    [InlineData("""{"max_tokens":9223372036854775808}""", long.MaxValue, false)]
    [InlineData("""{"max_tokens":[1]}""", 0L, true)]
    [InlineData("""{"max_tokens":true}""", 0L, true)]
    [InlineData("""{"max_tokens":99999999999999999999999999}""", long.MaxValue, false)]
    [InlineData("""{"max_tokens":0.0000000000000000000000000000000000000000000000000000000000000000000001}""", long.MaxValue, false)]
    [InlineData("""{"messages":[{"max_tokens":1}],"max_tokens2":1}""", 0L, false)]
    public void Count_IsTheHighestOfTheMembers(string body, long highest, bool isUnsure)
    {
        var bytes = Encoding.UTF8.GetBytes(body);

        Assert.Equal(new StatedCount(highest, isUnsure), StatedCount.Read(BodyScan.Facts(bytes), BodyMemberName.MaxTokens, new(bytes)));
    }
}
