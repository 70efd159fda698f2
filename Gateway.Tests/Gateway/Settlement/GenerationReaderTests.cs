using System.Text;
using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Settlement;
using Xunit;

namespace Gateway.Tests.Gateway.Settlement;

public sealed class GenerationReaderTests
{
    [Fact]
    public void AnswerOfUpstream_IsRead()
    {
        var facts = Read("""
            {"data":{"id":"gen-1","total_cost":0.000012345678,"model":"openai/gpt-4o","provider_name":"Azure","finish_reason":"stop",
             "tokens_prompt":1,"tokens_completion":2,"native_tokens_prompt":10,"native_tokens_completion":25,"native_tokens_reasoning":5,
             "native_tokens_cached":3,"cache_discount":-0.5,"cancelled":true,"data_region":"europe","service_tier":"flex"}}
            """);

        Assert.Equal(
            new ResponseFacts
            {
                Model = "openai/gpt-4o",
                Provider = "Azure",
                Region = "europe",
                ServiceTier = "flex",
                FinishReason = "stop",
                Usage = new Usage
                {
                    PromptTokens = 10,
                    CompletionTokens = 25,
                    CachedTokens = 3,
                    ReasoningTokens = 5,
                    Cost = new PicoDollars(12_345_678),
                    Discount = new PicoDollars(-500_000_000_000),
                },
                IsComplete = true,
            },
            facts);
    }

    [Theory]
    [InlineData("\"is_byok\":true,\"upstream_inference_cost\":0.25", 250_000_000_000L)]
    [InlineData("\"is_byok\":true,\"upstream_inference_cost\":\"0.25\"", 250_000_000_000L)]
    [InlineData("\"is_byok\":false,\"upstream_inference_cost\":0.25", null)]
    [InlineData("\"upstream_inference_cost\":0.25", null)]
    [InlineData("\"is_byok\":true,\"upstream_inference_cost\":null", null)]
    [InlineData("\"is_byok\":true,\"upstream_inference_cost\":-1", null)]
    public void ProvidersOwnAmount_IsReadWithByokOnly(string members, long? pico) => Assert.Equal(
        pico is { } amount ? new PicoDollars(amount) : null,
        Read($"{{\"data\":{{\"total_cost\":0.5,{members}}}}}")!.Usage!.UpstreamCost);

    [Theory]
    [InlineData("""{"data":{"total_cost":1e-6}}""", 1_000_000)]
    [InlineData("""{"data":{"total_cost":"0.5"}}""", 500_000_000_000)]
    [InlineData("""{"data":{"total_cost":0}}""", 0)]
    public void Cost_IsReadFromItsDigits(string body, long pico) => Assert.Equal(new PicoDollars(pico), Read(body)?.Usage?.Cost);

    [Theory]
    [InlineData("""{"\ud800":1,"data":{"\udc00":2,"total_cost":0.5,"model":"\ud800","provider_name":"P","tokens_prompt":1e999}}""")]
    [InlineData("""{"data":7,"data":{"total_cost":"\ud800","total_cost":0.5,"model":null,"provider_name":"P","tokens_prompt":-1}}""")]
    public void DamagedMember_IsPassedOver(string body)
    {
        var facts = Read(body)!;

        Assert.Equal((new PicoDollars(500_000_000_000), "P", null), (facts.Usage!.Cost, facts.Provider, facts.Model));
        Assert.Null(facts.Usage.PromptTokens);
    }

    [Theory]
    [InlineData("""{"data":{"total_cost":"\ud800"}}""")]
    [InlineData("""{"data":{"total_cost":1e99999}}""")]
    [InlineData("""{"data":{"total_cost":9e99}}""")]
    [InlineData("""{"\ud800":{"total_cost":1}}""")]
    [InlineData("""{"data":[{"total_cost":1},null]}""")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"data":null}""")]
    [InlineData("""{"data":{}}""")]
    [InlineData("""{"data":{"total_cost":null}}""")]
    [InlineData("""{"data":{"total_cost":-1}}""")]
    [InlineData("""{"data":{"total_cost":"free"}}""")]
    [InlineData("""{"error":{"code":404,"message":"Generation not found"}}""")]
    [InlineData("<html>")]
    public void WithoutACost_ThereIsNoBill(string body) => Assert.Null(Read(body));

    private static ResponseFacts? Read(string body) => GenerationReader.Read(Encoding.UTF8.GetBytes(body));
}
