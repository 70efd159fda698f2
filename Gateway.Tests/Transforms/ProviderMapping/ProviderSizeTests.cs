using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
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

    /// <summary>Fault A4: the entries of one request took 800 MB.</summary>
    [Fact]
    public void ProviderOfMillionsOfEntries_CostsNoMemory()
    {
        const int EntriesOfAPiece = 16_384;
        var piece = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("\"a\",", EntriesOfAPiece)));
        byte[][] pieces =
        [
            """{"model":"m","provider":{"order":["""u8.ToArray(), .. Enumerable.Repeat(piece, 52 * 16), "\"a\"]}}"u8.ToArray(),
        ];
        var body = SegmentedSequence.Create(pieces);
        var rules = Set(Enforce("*", """{"only":["a"]}"""));
        var before = GC.GetAllocatedBytesForCurrentThread();

        using var scanner = new BodyScanner();
        foreach (var one in pieces)
        {
            Assert.True(scanner.Scan(one));
        }

        Assert.True(scanner.TryComplete(body, out var facts));
        var rejection = rules.Decide(facts, body, RequestEndpoint.Generation).Rejection;
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal((400, "invalid_provider"), (rejection?.Status, rejection?.Code));
        Assert.InRange(allocated, 0, 1024 * 1024);
    }

    private static string Body(params string[] providers) =>
        $$"""{"model":"m",{{string.Join(',', providers.Select(provider => "\"provider\":" + provider))}}}""";

    private static string Sized(int length)
    {
        const string Empty = """{"x":""}""";
        return Empty.Insert(Empty.Length - 2, new string('x', length - Empty.Length));
    }
}
