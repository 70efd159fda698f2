using System.Text;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Settlement;
using Gateway.Teams;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Promise: no number in upstream's bill throws, overflows, or gives a budget or a token limit something back.</summary>
public sealed class AbsurdBillTests
{
    private const int Bills = 3000;

    // No answer has more tokens, and a ledger can add up thousands of such rows.
    private const long MostTokens = 1_000_000_000_000_000;

    private static readonly string[] Numbers =
    [
        "0", "1", "-1", "-5", "7.5", "1e3", "1e300", "-1e300", "1e99999", "1e-300", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "18446744073709551616", "1000000000000000", "1000000000000001", "9223372.036854775807", "9223372.036854775808", "null", "true", "\"5\"",
        "\"-5\"", "\"1e300\"", "[]", "{}", "0.000000000000000000000000000001",
    ];

    private static readonly LimitScope[] Scopes = [new("team:a", null, 1000, null)];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task NumbersOfABill_NeverLowerACounter(ulong seed)
    {
        var random = new TestRandom(seed);
        var time = new FakeTimeProvider();
        var budgets = new MemoryBudgetStore(
            (_, _) => Task.FromResult(new TeamCharges(PicoDollars.Zero, new Dictionary<Guid, PicoDollars>(), [])), time);
        var key = new BudgetKey("a", BudgetPeriod.Total, DateTimeOffset.MinValue);
        for (var i = 0; i < Bills; i++)
        {
            var limits = new MemoryLimitStore(time);
            var isGeneration = random.Next(2) == 0;
            var json = isGeneration ? Generation(random) : Answer(random);
            var usage = (isGeneration ? GenerationReader.Read(Encoding.UTF8.GetBytes(json)) : Read(json))?.Usage;
            if (usage is null)
            {
                continue;
            }

            foreach (var tokens in (long?[])[usage.PromptTokens, usage.CompletionTokens, usage.CachedTokens, usage.ReasoningTokens])
            {
                Assert.True(tokens is null or (>= 0 and <= 3 * MostTokens), $"Seed {seed}: {tokens} in {json}");
            }

            Assert.True(usage.Tokens >= 0, $"Seed {seed}: {usage.Tokens} in {json}");
            Assert.True(usage.Charge(true) >= usage.Charge(false) && usage.Charge(false) >= PicoDollars.Zero, $"Seed {seed}: {usage} in {json}");

            var before = await budgets.ReadAsync(key);
            var id = Guid.CreateVersion7();
            await budgets.ReserveAsync(key, PicoDollars.MaxStored, id, new PicoDollars(1));
            await budgets.SettleAsync(key, id, new PicoDollars(1), usage.Charge(true), isCounted: true);
            Assert.True(await budgets.ReadAsync(key) >= before, $"Seed {seed}: {json}");

            var lease = (await limits.EnterAsync(Scopes)).Lease!;
            await lease.ChargeAsync(100);
            await lease.ReturnAsync(usage.HasTokens ? usage.Tokens : null);
            await limits.CorrectAsync(Scopes, usage.Tokens);
            var left = (await (await limits.EnterAsync(Scopes)).Lease!.ChargeAsync(0)).Tokens!.Value.Remaining;
            Assert.True(left <= Math.Max(0, 1000 - usage.Tokens), $"Seed {seed}: {left} tokens left after {json}");
        }
    }

    private static ResponseFacts? Read(string json)
    {
        var reader = new UsageReader(isEventStream: false);
        reader.Read(Encoding.UTF8.GetBytes(json));
        return reader.Facts;
    }

    private static string Generation(TestRandom random) => $$"""
        {"data":{"total_cost":{{One(random)}},"is_byok":true,"upstream_inference_cost":{{One(random)}},"tokens_prompt":{{One(random)}},
        "native_tokens_prompt":{{One(random)}},"native_tokens_completion":{{One(random)}},"native_tokens_cached":{{One(random)}},
        "native_tokens_reasoning":{{One(random)}},"cache_discount":{{One(random)}} } }
        """;

    private static string Answer(TestRandom random) => random.Next(2) == 0
        ? $$"""
          {"id":"gen-1","usage":{"prompt_tokens":{{One(random)}},"completion_tokens":{{One(random)}},"total_tokens":{{One(random)}},"cost":{{One(random)}},
          "is_byok":true,"cost_details":{"upstream_inference_cost":{{One(random)}} },"completion_tokens_details":{"reasoning_tokens":{{One(random)}} } } }
          """
        : $$"""
          {"id":"gen-1","type":"message","usage":{"input_tokens":{{One(random)}},"output_tokens":{{One(random)}},"cost":{{One(random)}},
          "cache_read_input_tokens":{{One(random)}},"cache_creation_input_tokens":{{One(random)}} } }
          """;

    private static string One(TestRandom random) =>
        random.Next(4) == 0 ? random.Next(100_000).ToString(System.Globalization.CultureInfo.InvariantCulture) : Numbers[random.Next(Numbers.Length)];
}
