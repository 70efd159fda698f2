using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>
/// Promise: the table of charges. A call that surely cost nothing is free, a call with an id is asked for, an unknown cost is never zero.
/// </summary>
public sealed class SettlementDecisionTests
{
    private const GenerationState Free = GenerationState.Settled;
    private const GenerationState Asked = GenerationState.Provisional;
    private const GenerationState Unknown = GenerationState.Unresolvable;

    private static readonly PicoDollars Reserved = new(1000);

    private static readonly ResponseFacts Billed = new() { Usage = new Usage { Cost = new(7), UpstreamCost = new(30) }, IsComplete = true };
    private static readonly ResponseFacts Interim = Billed with { IsComplete = false };
    private static readonly ResponseFacts Gratis = new() { Usage = new Usage { Cost = default(PicoDollars) }, IsComplete = true };
    private static readonly ResponseFacts GratisInterim = Gratis with { IsComplete = false };
    private static readonly ResponseFacts Tokens = new() { Usage = new Usage { PromptTokens = 3 }, IsComplete = true };
    private static readonly ResponseFacts Error = new() { HasError = true, IsComplete = true };
    private static readonly ResponseFacts CutError = Error with { IsComplete = false };

    /// <summary>Statuses without an id, and their charge without upstream's own error in the body.</summary>
    public static TheoryData<int, object> Statuses
    {
        get
        {
            var data = new TheoryData<int, object>();
            int[] free =
            [
                204, 205, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 407, 409, 413, 418, 422, 425, 429, 431, 451, 498,
                521, 522, 523, 525, 526, 527, 530,
            ];
            int[] unknown = [200, 201, 202, 206, 408, 499, 500, 501, 502, 503, 504, 520, 524, 529, 599];
            foreach (var status in free)
            {
                data.Add(status, Free);
            }

            foreach (var status in unknown)
            {
                data.Add(status, Unknown);
            }

            return data;
        }
    }

    /// <summary>The response, the state, and the amount that the budget counts.</summary>
    public static TheoryData<string, object, object, int> Cases => new()
    {
        { "no connection", Came() with { WasSent = false }, Free, 0 },
        { "a refused stream that had been named", Came(200, isNamed: true) with { WasSent = false }, Free, 0 },
        { "a complete answer with a cost", Came(200, Billed, isNamed: true), Free, 7 },
        { "the same without an id", Came(200, Billed), Free, 7 },
        { "a free answer", Came(200, Gratis, isNamed: true), Free, 0 },
        { "an error with a cost", Came(502, Billed, isNamed: true), Free, 7 },
        { "a cost before the end", Came(200, Interim, isNamed: true), Asked, 1000 },
        { "a cost of nothing before the end", Came(200, GratisInterim, isNamed: true), Asked, 1000 },
        { "a cost that was told before more came", Came(200, Billed, isNamed: true) with { IsCostInterim = true }, Asked, 1000 },
        { "a cost before the end, without an id", Came(200, Interim), Unknown, 1000 },
        { "tokens without a cost", Came(200, Tokens, isNamed: true), Asked, 1000 },
        { "tokens without a cost and an id", Came(200, Tokens), Unknown, 1000 },
        { "cut", Came(200, isNamed: true), Asked, 1000 },
        { "cut without an id", Came(200), Unknown, 1000 },
        { "named, and nothing more", Came(null, isNamed: true), Asked, 1000 },
        { "sent, and no answer", Came(), Unknown, 1000 },
        { "400 with an id", Came(400, Error, isNamed: true), Asked, 0 },
        { "429 with an id", Came(429, Error, isNamed: true), Asked, 0 },
        { "408 with an id", Came(408, Error, isNamed: true), Asked, 1000 },
        { "499 with an id", Came(499, Error, isNamed: true), Asked, 1000 },
        { "502 with an id", Came(502, Error, isNamed: true), Asked, 1000 },
        { "301 with an id", Came(301, isNamed: true), Asked, 1000 },
        { "an error in a 200 with an id", Came(200, Error, isNamed: true, isErrorOnly: true), Asked, 1000 },
        { "an error in a 200", Came(200, Error, isErrorOnly: true), Free, 0 },
        { "an error as the only event", Came(200, CutError, isErrorOnly: true), Free, 0 },
        { "an error behind content", Came(200, Error), Unknown, 1000 },
        { "502 in upstream's words", Came(502, Error, isErrorOnly: true), Free, 0 },
        { "408 in upstream's words", Came(408, Error, isErrorOnly: true), Free, 0 },
        { "502 that was cut", Came(502, CutError), Unknown, 1000 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Row_Decides(string name, object outcome, object state, int charge)
    {
        var decision = SettlementDecision.Of(Reserved, includesByok: false, (CallOutcome)outcome);

        Assert.True(decision == new SettlementDecision((GenerationState)state, new(charge)), $"{name}: {decision}");
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public void StatusWithoutAnId_IsFreeOnlyWhereNothingWasGenerated(int status, object state)
    {
        var charge = (GenerationState)state == Free ? PicoDollars.Zero : Reserved;

        Assert.Equal(new SettlementDecision((GenerationState)state, charge), SettlementDecision.Of(Reserved, false, Came(status)));
        Assert.Equal(Free, SettlementDecision.Of(Reserved, false, Came(status, Error, isErrorOnly: true)).State);
        Assert.Equal(Asked, SettlementDecision.Of(Reserved, false, Came(status, isNamed: true)).State);
    }

    [Fact]
    public void Byok_CountsTheProvidersAmountUnlessTheBudgetLeavesItOut()
    {
        Assert.Equal(new PicoDollars(37), SettlementDecision.Of(Reserved, includesByok: true, Came(200, Billed)).Charge);
        Assert.Equal(new PicoDollars(7), SettlementDecision.Of(Reserved, includesByok: false, Came(200, Billed)).Charge);
    }

    private static CallOutcome Came(int? status = null, ResponseFacts? facts = null, bool isNamed = false, bool isErrorOnly = false) => new()
    {
        WasSent = true,
        Status = status,
        IsNamed = isNamed,
        IsErrorOnly = isErrorOnly,
        Facts = facts ?? ResponseFacts.None,
    };
}
