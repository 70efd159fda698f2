using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("openai/gpt-4o", "openai/gpt-4o")]
    [InlineData("\U0001F999/\u6A21\u578B \u05D0 e\u0301", "\U0001F999/\u6A21\u578B \u05D0 e\u0301")]
    [InlineData("a\u001B[2Jb", "a\\u001B[2Jb")]
    [InlineData("a\u009B2Jb\u007F\u0000", "a\\u009B2Jb\\u007F\\u0000")]
    [InlineData("a\u202Eb\u2066c\u200Fd\u061C", "a\\u202Eb\\u2066c\\u200Fd\\u061C")]
    [InlineData("a\u2028b\u2029c\u0085", "a\\u2028b\\u2029c\\u0085")]
    [InlineData("a\r\nb\tc", "a\\u000D\\u000Ab\\u0009c")]
    public void Value_HasNothingThatATerminalObeys(string text, string expected) => Assert.Equal(expected, TerminalText.Escape(text));

    [Fact]
    public void Lines_KeepTheirEnds() =>
        Assert.Equal("a\r\nb\tc\\u001B\\u202A\n", TerminalText.EscapeLines("a\r\nb\tc\u001B\u202A\n"));

    [Fact]
    public void NoControlCharacter_IsLeft() => Assert.All(
        Enumerable.Range(0, 0x10000).Select(code => (char)code).Where(char.IsControl),
        letter => Assert.DoesNotContain(letter, TerminalText.Escape($"a{letter}b")));
}
