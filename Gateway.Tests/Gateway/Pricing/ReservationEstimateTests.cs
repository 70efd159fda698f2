using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Pricing;

public sealed class ReservationEstimateTests
{
    private static readonly PriceList Prices = PriceList.Empty.With(new Dictionary<string, ModelPrice>
    {
        ["dear-prompt"] = new(new(10), new(1), new(0)),
        ["dear-answer"] = new(new(1), new(10), new(5)),
    });

    [Fact]
    public void Estimate_IsRequestAndTextAndEveryAnswerInFull() => Assert.Equal(
        new PicoDollars(5 + (1 * 100) + (3 * 50 * 10)),
        Find(["dear-answer"], new RequestSize(100, 3, 50, 4096)));

    [Fact]
    public void WithoutACap_TheAssumedOneIsReckonedWith() => Assert.Equal(
        new PicoDollars(5 + 100 + (4096 * 10)),
        Find(["dear-answer"], new RequestSize(100, 1, null, 4096)));

    [Fact]
    public void OfSeveralModels_TheMostThatOneMayCostIsSetAside() => Assert.Equal(
        new PicoDollars(10 * 1000 + 1),
        Find(["dear-answer", "dear-prompt"], new RequestSize(1000, 1, 1, 4096)));

    [Theory]
    [InlineData("dear-answer", "dear-prompt")]
    [InlineData("dear-prompt", "dear-answer")]
    public void DearestPrice_IsTheHighestOfEachPart(string first, string second)
    {
        Assert.NotNull(ReservationEstimate.Find([first, second], namesPreset: false, Prices, new RequestSize(1, 1, 1, 1), out var dearest));

        Assert.Equal(new ModelPrice(new(10), new(10), new(5)), dearest);
    }

    [Fact]
    public void OneUnknownPrice_MakesTheWholeUnknown() => Assert.Null(Find(["dear-answer", "unheard-of"], new RequestSize(1, 1, 1, 1)));

    [Fact]
    public void NoModelOrAPreset_IsUnknown()
    {
        Assert.Null(Find([], new RequestSize(1, 1, 1, 1)));
        Assert.Null(ReservationEstimate.Find(["dear-answer"], namesPreset: true, Prices, new RequestSize(1, 1, 1, 1), out _));
    }

    [Fact]
    public void AbsurdDemands_AreTheLargestAmountAndNoOverflow() => Assert.Equal(
        PicoDollars.MaxStored,
        Find(["dear-answer"], new RequestSize(long.MaxValue, long.MaxValue, long.MaxValue, 1)));

    [Fact]
    public void Tokens_AreAQuarterOfTheTextAndTheStatedCaps()
    {
        Assert.Equal(101 + (2 * 50), ReservationEstimate.EstimateTokens(new RequestSize(400, 2, 50, 4096)));
        Assert.Equal(101, ReservationEstimate.EstimateTokens(new RequestSize(400, 2, null, 4096)));
        Assert.Equal(long.MaxValue, ReservationEstimate.EstimateTokens(new RequestSize(400, long.MaxValue, long.MaxValue, 4096)));
    }

    [Theory]
    [InlineData("""{"n":3,"max_tokens":10}""", 3, 10L)]
    [InlineData("""{"max_tokens":10,"max_completion_tokens":5,"max_output_tokens":7}""", 1, 5L)]
    [InlineData("""{"max_tokens":5,"max_tokens":10}""", 1, 10L)]
    [InlineData("""{"ma\u0078_tokens":5}""", 1, 5L)]
    [InlineData("""{"n":0,"max_tokens":-5}""", 1, 0L)]
    [InlineData("""{"n":"3","max_tokens":null}""", 1, null)]
    [InlineData("""{"n":2.5,"max_tokens":1e2}""", 3, 100L)]
    [InlineData("""{"max_tokens":99999999999999999999999999}""", 1, long.MaxValue)]
    [InlineData("""{"messages":[{"n":9,"max_tokens":1}]}""", 1, null)]
    public void WhatTheBodyStates_IsRead(string body, long choices, long? cap)
    {
        var facts = BodyScan.Facts(body);

        Assert.Equal(choices, facts.Choices);
        Assert.Equal(cap, facts.MaxOutputTokens);
    }

    private static PicoDollars? Find(string[] models, RequestSize size) =>
        ReservationEstimate.Find(models, namesPreset: false, Prices, size, out _);
}
