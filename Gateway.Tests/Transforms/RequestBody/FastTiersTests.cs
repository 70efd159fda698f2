using System.Buffers;
using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class FastTiersTests
{
    [Theory]
    [InlineData("{}", false)]
    [InlineData("""{"order":["openai/priority"]}""", true)]
    [InlineData("""{"only":["anthropic/fast"]}""", true)]
    [InlineData("""{"only":["azure","OpenAI/Fast "]}""", true)]
    [InlineData("""{"only":["openai\/fast"]}""", true)]
    [InlineData("""{"only":["openai\\fast"]}""", true)]
    [InlineData("""{"only":["openai\u002fpriority"]}""", true)]
    [InlineData("""{"order":["openai/flex","fast","openai/faster"]}""", false)]
    [InlineData("""{"ignore":["openai/fast"]}""", false)]
    [InlineData("""{"\u0069gnore":["openai/fast"],"order":["openai"]}""", false)]
    [InlineData("""{"ignore":["openai"],"only":["openai/priority"]}""", true)]
    [InlineData("""{"options":{"ignore":["openai/fast"]}}""", true)]
    public void Tag_AdmitsTheFastTier_InAnyMemberButIgnore(string provider, bool expected)
    {
        var bytes = Encoding.UTF8.GetBytes(provider);

        Assert.Equal(expected, FastTiers.AreAdmittedBy(new ReadOnlySequence<byte>(bytes)));
        Assert.Equal(expected, FastTiers.AreAdmittedBy(SegmentedSequence.Create(bytes, 3)));
    }
}
