using System.Buffers;
using System.Text;
using System.Text.Json;
using Gateway.Reports;
using Gateway.Tests.Gateway.Admission;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

/// <summary>The statements of <c>explain</c> about a reservation.</summary>
public sealed class RequestEstimateTests
{
    private const string Prices = """
        {"data":[{"id":"m","pricing":{"prompt":"0.0000025","completion":"0.00001","request":"0.001","input_cache_write":"0.000003"} }]}
        """;

    [Fact]
    public async Task Estimate_SaysWhatIsNeededAndWhy()
    {
        using var estimator = await Estimator.CreateAsync(Prices);
        var estimate = estimator.Estimate("/v1/chat/completions", """{"model":"m","n":2,"max_tokens":10,"x":{"type":"image_url"} }""");

        Assert.Equal(
            "0.007293 USD for 2031 prompt tokens, 2000 of them for 1 media parts, 10 output tokens in each of 2 completions (the request's cap); "
            + "at most 0.000003 and 0.00001 USD a token, 0.001 USD a request",
            estimate.ToString());
        Assert.Equal(
            """
            {"needed_usd":"0.007293","limit_tokens":36,"prompt_tokens":2031,"media_parts":1,"output_tokens":10,"output_is_stated":true,"choices":2,"tools_usd":"0",
            """ + """
            "prices":{"prompt":"0.000003","completion":"0.00001","request":"0.001"}}
            """,
            Json(estimate));
    }

    [Fact]
    public async Task UnknownPrice_HasTheTokens()
    {
        using var estimator = await Estimator.CreateAsync(Prices, """{ "AllowUnknownPrices": true }""");
        var estimate = estimator.Estimate("/v1/chat/completions", """{"model":"unheard/of"}""");

        Assert.Equal("the price is unknown; 11 prompt tokens, 4096 output tokens (assumed)", estimate.ToString());
        Assert.Equal(
            """{"needed_usd":null,"limit_tokens":6,"prompt_tokens":11,"media_parts":0,"output_tokens":4096,"output_is_stated":false,"choices":1,"tools_usd":"0"}""", Json(estimate));
    }

    private static string Json(RequestEstimate estimate)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            estimate.WriteTo(json);
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
