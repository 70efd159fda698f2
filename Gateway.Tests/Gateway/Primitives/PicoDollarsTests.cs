using System.Numerics;
using System.Text;
using CsCheck;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class PicoDollarsTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("1", 1_000_000_000_000)]
    [InlineData("0.000000000001", 1)]
    [InlineData("0.00000015", 150_000)]
    [InlineData("1.4e-05", 14_000_000)]
    [InlineData("1.4E-5", 14_000_000)]
    [InlineData("14e+2", 1_400_000_000_000_000)]
    [InlineData("-0.5", -500_000_000_000)]
    [InlineData("0.0000000000004", 0)]
    [InlineData("0.0000000000005", 1)]
    [InlineData("0.00000000000049999999999999999999", 0)]
    [InlineData("0.1234567890125", 123_456_789_013)]
    [InlineData("9e-13", 1)]
    [InlineData("9e-14", 0)]
    [InlineData("9e-9000", 0)]
    [InlineData("0e9000", 0)]
    [InlineData("9223372.036854775807", long.MaxValue)]
    public void DecimalText_IsReadExactly(string text, long pico)
    {
        Assert.True(PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount));
        Assert.Equal(new PicoDollars(pico), amount);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e")]
    [InlineData("e5")]
    [InlineData("1e99999")]
    [InlineData("1e20")]
    [InlineData("9223372.036854775808")]
    [InlineData("abc")]
    [InlineData("1,5")]
    [InlineData("+1")]
    [InlineData("NaN")]
    [InlineData("1 ")]
    [InlineData("0x1")]
    public void WhatIsNoAmount_IsNotRead(string text) => Assert.False(PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out _));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1, "0.000000000001")]
    [InlineData(120_000_000, "0.00012")]
    [InlineData(-1_500_000_000_000, "-1.5")]
    [InlineData(100_000_000_000_000, "100")]
    public void Text_IsExactAndShort(long pico, string text) => Assert.Equal(text, new PicoDollars(pico).ToString());

    [Fact]
    public void Text_IsReadBackAsTheSameAmount() => Gen.Long.Sample(pico =>
        PicoDollars.TryParse(Encoding.UTF8.GetBytes(new PicoDollars(pico).ToString()), out var again)
        ? again == new PicoDollars(pico)
        : pico == long.MinValue);

    [Fact]
    public void AnySpellingOfANumber_IsWhatExactArithmeticMakesOfIt() =>
        Gen.Select(Gen.Int[0, 999_999], Gen.Int[0, 999_999_999], Gen.Int[-20, 4]).Sample((whole, fraction, exponent) =>
        {
            var text = $"{whole}.{fraction:D9}e{exponent}";
            var digits = (BigInteger)whole * 1_000_000_000 + fraction;
            var shift = exponent + 12 - 9;
            var expected = shift >= 0
                ? digits * BigInteger.Pow(10, shift)
                : (digits * 2 / BigInteger.Pow(10, -shift) + 1) / 2;
            var isRead = PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount);
            return expected <= long.MaxValue ? isRead && (BigInteger)amount.Value == expected : !isRead;
        });

    [Fact]
    public void Sums_DoNotOverflow()
    {
        var sum = PicoDollars.Zero;
        for (var i = 0; i < 1000; i++)
        {
            sum += PicoDollars.MaxStored;
        }

        Assert.Equal("9223372036.854775807", sum.ToString());
        Assert.Equal(long.MaxValue, sum.ToStored());
    }
}
