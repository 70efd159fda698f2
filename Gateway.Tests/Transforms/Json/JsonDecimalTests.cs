using System.Globalization;
using System.Text;
using CsCheck;
using OpenRouterGateway.Transforms.Json;
using Xunit;

namespace Gateway.Tests.Transforms.Json;

public class JsonDecimalTests
{
    [Theory]
    [InlineData("1", "2", true)]
    [InlineData("2", "1", false)]
    [InlineData("1.50", "1.5", true)]
    [InlineData("1.5", "1.50", true)]
    [InlineData("0.30000000000000000001", "0.3", false)]
    [InlineData("0.3", "0.30000000000000000001", true)]
    [InlineData("15e-1", "1.5", true)]
    [InlineData("1.5", "15E-1", true)]
    [InlineData("9007199254740993", "9007199254740992", false)]
    [InlineData("10", "9", false)]
    [InlineData("0", "0.0", true)]
    [InlineData("-0", "0", true)]
    [InlineData("0", "-0", true)]
    [InlineData("-1", "0", true)]
    [InlineData("-1", "-2", false)]
    [InlineData("-2", "-1", true)]
    [InlineData("1e400", "1e399", false)]
    [InlineData("1e-400", "1e-399", true)]
    [InlineData("1e99999999999999999999999999", "5", false)]
    [InlineData("1e-99999999999999999999999999", "5", true)]
    [InlineData("-1e99999999999999999999999999", "5", true)]
    [InlineData("0e99999999999999999999999999", "5", true)]
    [InlineData("0.0001e4", "1", true)]
    [InlineData("007", "7.0", true)]
    [InlineData("1e0", "1", true)]
    [InlineData("1", "1e-00", true)]
    [InlineData("0", "0.05", true)]
    [InlineData("0", "-0.05", false)]
    [InlineData("1e999999999999999", "1e999999999999998", false)]
    public void Comparison_IsExact(string left, string right, bool isAtMost) => Assert.Equal(isAtMost, Parse(left).IsAtMost(Parse(right)));

    [Theory]
    [InlineData("-1", true)]
    [InlineData("-0.01", true)]
    [InlineData("0", false)]
    [InlineData("-0", false)]
    [InlineData("1", false)]
    public void Negative_IsBelowZero(string text, bool expected) => Assert.Equal(expected, Parse(text).IsNegative);

    [Theory]
    [InlineData("1e999999999999998", true)]
    [InlineData("1e-999999999999998", true)]
    [InlineData("1e-1000000000000000", false)]
    [InlineData("1000e-10000000000000000", false)]
    [InlineData("0.0001e1000000000000000", false)]
    [InlineData("1e1000000000000000", false)]
    [InlineData("1e10000000000000000", false)]
    [InlineData("0e10000000000000000", true)]
    public void HugeExponent_IsNotMeasurable(string text, bool expected) => Assert.Equal(expected, Parse(text).IsMeasurable);

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("+1")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData(" 1")]
    [InlineData("0x10")]
    [InlineData("1,5")]
    [InlineData("NaN")]
    public void AnythingElse_IsNoNumber(string text) => Assert.False(JsonDecimal.TryParse(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void Comparison_AgreesWithDecimal() =>
        Gen.Select(Gen.Decimal[-1000m, 1000m], Gen.Decimal[-1000m, 1000m]).Sample((left, right) =>
            Parse(Text(left)).IsAtMost(Parse(Text(right))) == left <= right);

    private static string Text(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    private static JsonDecimal Parse(string text)
    {
        Assert.True(JsonDecimal.TryParse(Encoding.UTF8.GetBytes(text), out var value));
        return value;
    }
}
