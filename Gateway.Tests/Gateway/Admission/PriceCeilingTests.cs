using System.Text;
using Gateway.Admission;
using Gateway.Pricing;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

public sealed class PriceCeilingTests
{
    [Theory]
    [InlineData(0, 0, """{"max_price":{"prompt":0,"completion":0}}""")]
    [InlineData(2_500_000, 10_000_000, """{"max_price":{"prompt":2.5,"completion":10}}""")]
    [InlineData(1, 3, """{"max_price":{"prompt":0.000001,"completion":0.000003}}""")]
    public void Ceiling_IsThePricePerMillionTokens(long prompt, long completion, string block)
    {
        var rule = PriceCeiling.RuleFor(new ModelPrice(new(prompt), new(completion), new(7)));

        Assert.Equal(block, Encoding.UTF8.GetString(rule.Rendered(RequestEndpoint.Generation).Value.Span));
    }

    [Fact]
    public void Ceiling_IsCreatedOncePerPrice()
    {
        var price = new ModelPrice(new(123), new(456), default);

        var rule = PriceCeiling.RuleFor(price);
        Assert.NotSame(rule, PriceCeiling.RuleFor(price with { Prompt = new(124) }));
        Assert.Same(rule, PriceCeiling.RuleFor(price));
    }
}
