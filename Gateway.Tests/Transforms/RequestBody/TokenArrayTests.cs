using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class TokenArrayTests
{
    [Theory]
    [InlineData("[1,2,3]", 12, 1)]
    [InlineData("[ 100257 , 100258 ]", 8, 1)]
    [InlineData("[[1,2],[3],[4,5,6]]", 24, 3)]
    [InlineData("[-1]", 4, 1)]
    [InlineData("[]", 4, 1)]
    [InlineData("[\"some text\",\"more\"]", 20, 2)]
    [InlineData("[\"a\",1,2,3,4,5,6,7,8,9]", 40, 1)]
    [InlineData("[1.5,2e3]", 9, 1)]
    [InlineData("[\",,,,,,,\"]", 32, 1)]
    [InlineData("[{\"content\":[{\"text\":\"x\"}]},[1],null]", 37, 3)]
    public void Array_CountsFourBytesATokenAndEachPrompt(string array, long text, long prompts)
    {
        var bytes = Encoding.UTF8.GetBytes(array);
        foreach (var sequence in new[] { new(bytes), SegmentedSequence.Create(bytes, 1), SegmentedSequence.Create(bytes, 4) })
        {
            Assert.Equal(text, TokenArray.CountText(sequence));
            Assert.Equal(prompts, TokenArray.CountPrompts(sequence));
        }
    }
}
