using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>Promise: a <c>provider</c> of more than 64 KB is rejected before it is parsed.</summary>
public sealed class ProviderSizeTests
{
    private const int Limit = 64 * 1024;

    [Fact]
    public void ProviderAtTheLimit_Passes() =>
        Assert.Null(Set(Enforce("*", """{"zdr":true}""")).Decide(Body(Sized(Limit))).Rejection);

    [Fact]
    public void ProviderOverTheLimit_Is400()
    {
        var rejection = Set(Enforce("*", """{"zdr":true}""")).Decide(Body(Sized(Limit + 1))).Rejection;

        Assert.Equal((400, "invalid_provider", "provider"), (rejection!.Status, rejection.Code, rejection.Param));
    }

    [Fact]
    public void EveryOccurrence_IsMeasured()
    {
        var rules = Set(Enforce("*", """{"zdr":true}"""));

        Assert.Equal(400, rules.Decide(Body(Sized(Limit + 1), "{}")).Rejection?.Status);
        Assert.Equal(400, rules.Decide(Body("{}", Sized(Limit + 1))).Rejection?.Status);
    }

    [Fact]
    public void WithoutAMatchingRule_TheLimitHolds()
    {
        Assert.Equal(400, Set().Decide(Body(Sized(Limit + 1))).Rejection?.Status);
        Assert.Equal(400, Set(Rule("other", """{"zdr":true}""")).Decide(Body(Sized(Limit + 1))).Rejection?.Status);
    }

    private static string Body(params string[] providers) =>
        $$"""{"model":"m",{{string.Join(',', providers.Select(provider => "\"provider\":" + provider))}}}""";

    private static string Sized(int length)
    {
        const string Empty = """{"x":""}""";
        return Empty.Insert(Empty.Length - 2, new string('x', length - Empty.Length));
    }
}
