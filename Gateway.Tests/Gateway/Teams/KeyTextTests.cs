using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Teams;

/// <summary>Promise: no text that the gateway writes has more of a key than its prefix; other texts stay as they are, at no cost.</summary>
public sealed class KeyTextTests
{
    [Theory]
    [InlineData("/v1/ogw-abcDEF_-09", "/v1/ogw-…")]
    [InlineData("/v1/ogw-abc/chat/completions", "/v1/ogw-…/chat/completions")]
    [InlineData("/v1ogw-abc", "/v1ogw-…")]
    [InlineData("sk-or-v1-0123abcd", "sk-or-…")]
    [InlineData("OGW-ABC", "OGW-…")]
    [InlineData("Sk-Or-V1-ABC:free", "Sk-Or-…:free")]
    [InlineData("openai/ogw-abc:free, sk-or-v1-abc", "openai/ogw-…:free, sk-or-…")]
    [InlineData("ogw-a.b~c+d=%2Fe", "ogw-…")]
    [InlineData("ogw-ogw-sk-or-abc", "ogw-…")]
    public void Key_IsCutAfterItsPrefix(string text, string expected) => Assert.Equal(expected, KeyText.Hide(text));

    [Theory]
    [InlineData("")]
    [InlineData("ogw-")]
    [InlineData("/v1/ogw-…")]
    [InlineData("/ogw-/sk-or-")]
    [InlineData("openai/gpt-4o-mini")]
    public void TextWithoutAKey_StaysAsItIs(string text) => Assert.Equal(text, KeyText.Hide(text));

    [Fact]
    public void GeneratedKey_IsHidden() => Assert.Equal("ogw-…", KeyText.Hide(GatewayKeys.New()));

    [Fact]
    public void TextWithoutAKey_CostsNoAllocation()
    {
        Assert.Null(KeyText.Hide(null));
        var model = "anthropic/claude-sonnet-4.5:" + new string('o', 300);

        Assert.Equal(0, Allocations.Least(() => Assert.Same(model, KeyText.Hide(model))));
    }
}
