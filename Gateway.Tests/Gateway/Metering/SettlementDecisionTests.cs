using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

public sealed class SettlementDecisionTests
{
    private static readonly PicoDollars Reserved = new(1000);
    private static readonly ResponseFacts Billed = new() { Usage = new Usage { Cost = new(7) }, IsComplete = true };
    private static readonly ResponseFacts Unbilled = new() { Usage = new Usage { PromptTokens = 3 }, IsComplete = true };
    private static readonly ResponseFacts Error = new() { HasError = true, IsComplete = true };

    public static TheoryData<string, bool, int?, string?, bool, object, object, int> Cases => new()
    {
        { "the answer says its cost", true, 200, "gen-1", false, Billed, GenerationState.Settled, 7 },
        { "a free answer is a bill", true, 200, "gen-1", false, new ResponseFacts { Usage = new() { Cost = default(PicoDollars) } }, GenerationState.Settled, 0 },
        { "tokens without a cost are no bill", true, 200, "gen-1", false, Unbilled, GenerationState.Provisional, 1000 },
        { "a stream that was cut is asked for", true, 200, "gen-1", true, ResponseFacts.None, GenerationState.Provisional, 1000 },
        { "a cut stream without an id", true, 200, null, true, ResponseFacts.None, GenerationState.Unresolvable, 1000 },
        { "a stream that failed without an id may have cost", true, 200, null, true, Error, GenerationState.Unresolvable, 1000 },
        { "nothing was sent", false, null, null, false, ResponseFacts.None, GenerationState.Settled, 0 },
        { "sent, and no answer came", true, null, null, false, ResponseFacts.None, GenerationState.Unresolvable, 1000 },
        { "refused by upstream", true, 429, null, false, Error, GenerationState.Settled, 0 },
        { "refused by upstream without a word", true, 404, null, false, ResponseFacts.None, GenerationState.Settled, 0 },
        { "refused with an id is asked for", true, 400, "gen-1", false, Error, GenerationState.Provisional, 1000 },
        { "failed in upstream's words", true, 502, null, false, Error, GenerationState.Settled, 0 },
        { "an error inside a 200", true, 200, null, false, Error, GenerationState.Settled, 0 },
        { "a page of somebody between", true, 524, null, false, ResponseFacts.None, GenerationState.Unresolvable, 1000 },
        { "an error that was cut", true, 502, null, false, Error with { IsComplete = false }, GenerationState.Unresolvable, 1000 },
        { "a whole answer without bill and id", true, 200, null, false, Unbilled, GenerationState.Unresolvable, 1000 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Unknown_IsNeverZero(
        string name,
        bool wasSent,
        int? status,
        string? generationId,
        bool isStream,
        object facts,
        object state,
        int charge)
    {
        var bill = SettlementDecision.Of(Reserved, wasSent, status, generationId, isStream, (ResponseFacts)facts);

        Assert.True(bill == new SettlementDecision((GenerationState)state, new(charge)), $"{name}: {bill}");
    }
}
