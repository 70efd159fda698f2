using System.Text;
using Gateway.Configuration.Reading;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Reading;

public sealed class DotEnvFileTests
{
    [Theory]
    [InlineData("A=b", "b")]
    [InlineData("  A = b  ", "b")]
    [InlineData("export A=b", "b")]
    [InlineData("A=", "")]
    [InlineData("A=b=c", "b=c")]
    [InlineData("A=b c # comment", "b c")]
    [InlineData("A=b#c", "b#c")]
    [InlineData("A=# comment", "")]
    [InlineData("A=b\r", "b")]
    [InlineData("A=\"b # c\"", "b # c")]
    [InlineData("A=\"b\\n\\t\\\"\\\\c\\x\"", "b\n\t\"\\c\\x")]
    [InlineData("A='b\\n\"c\"' # comment", "b\\n\"c\"")]
    [InlineData("A=*x*=P1,P2;y=Z", "*x*=P1,P2;y=Z")]
    [InlineData("\uFEFF# first\n\n# second\nA=b", "b")]
    public void Line_GivesItsValue(string text, string expected)
    {
        var faults = new List<SettingsFault>();

        var variables = DotEnvFile.Read(Encoding.UTF8.GetBytes(text), ".env", faults);

        Assert.Empty(faults);
        Assert.Equal([new("A", expected)], variables);
    }

    [Fact]
    public void EveryBadLine_IsReported()
    {
        var faults = new List<SettingsFault>();

        DotEnvFile.Read("one\nA=1\n'two'\nB=\"x"u8, ".env", faults);

        Assert.Equal(["line 1:", "line 3:", "line 4:"], faults.Select(fault => fault.Message[..7]));
    }
}
