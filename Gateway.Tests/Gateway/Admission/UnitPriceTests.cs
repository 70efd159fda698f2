using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: usage that is billed by another unit than the token is reserved too.</summary>
public sealed class UnitPriceTests
{
    private const long Dollar = 1_000_000_000_000;

    private const string Prices = """
        {"data":[
          {"id":"free","pricing":{"prompt":"0","completion":"0"} },
          {"id":"seeking","pricing":{"prompt":"0","completion":"0","web_search":"0.03"} },
          {"id":"rank","pricing":{"prompt":"0","completion":"0","request":"0.001"} },
          {"id":"paint","pricing":{"prompt":"0","completion":"0","image_output":"0.04"} } ]}
        """;

    // A search ranks a hundred documents; a long document is several.
    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(99, 0, 1)]
    [InlineData(101, 0, 2)]
    [InlineData(1000, 0, 11)]
    [InlineData(50, 250_000, 11)]
    public async Task Rerank_ReservesEverySearch(int documents, int length, int searches)
    {
        using var estimator = await Estimator.CreateAsync(Prices, """{ "BytesPerToken": 1 }""");
        var first = new string('x', length);
        var body = $$"""{"model":"rank","query":"q","documents":["{{first}}"{{string.Concat(Enumerable.Repeat(",\"\"", documents - 1))}}]}""";

        Assert.Equal(new PicoDollars(searches * Dollar / 1000), estimator.Estimate("/v1/rerank", body).Cost.Cost);
    }

    [Theory]
    [InlineData("\"documents\":\"a\"", 1)]
    [InlineData("\"documents\":[{},{}]", 1)]
    [InlineData("\"d\\u006fcuments\":[MANY]", 3)]
    [InlineData("\"documents\":[MANY],\"documents\":[]", 3)]
    public async Task Rerank_ReadsDocumentsHoweverTheyAreSpelled(string documents, int searches)
    {
        using var estimator = await Estimator.CreateAsync(Prices);
        var many = string.Join(',', Enumerable.Repeat("{}", 205));

        var estimate = estimator.Estimate(
            "/v1/rerank", $$"""{"model":"rank",{{documents.Replace("MANY", many, StringComparison.Ordinal)}}}""");

        Assert.Equal(new PicoDollars(searches * Dollar / 1000), estimate.Cost.Cost);
    }

    [Fact]
    public async Task Images_ReserveEveryImage()
    {
        using var estimator = await Estimator.CreateAsync(Prices);

        Assert.Equal(new PicoDollars(7 * 4 * Dollar / 100), estimator.Estimate("/v1/images", """{"model":"paint","n":7}""").Cost.Cost);
    }

    // A file without a plugin may cost the reading of its pages all the same.
    [Theory]
    [InlineData("/v1/chat/completions", """ "messages":[{"content":[{"type":"file","file":{"file_data":"https://example.com/a.pdf"}}]}] """, true)]
    [InlineData("/v1/messages", """ "messages":[{"content":[{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}]}] """, true)]
    [InlineData("/v1/responses", """ "input":[{"content":[{"type":"input_file","file_url":"https://example.com/a.pdf"}]}] """, true)]
    [InlineData("/v1/chat/completions", """ "messages":[],"plugins":[{"id":"file-parser"}] """, true)]
    [InlineData("/v1/chat/completions", """ "messages":[{"content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}] """, false)]
    [InlineData("/v1/rerank", """ "documents":[{"type":"document"}] """, false)]
    public async Task Document_ReservesTheCostOfServerTools(string path, string members, bool isReserved)
    {
        using var estimator = await Estimator.CreateAsync(Prices, maxCost: "0.5");

        Assert.Equal(
            new PicoDollars(isReserved ? Dollar / 2 : 0), estimator.Estimate(path, $$"""{"model":"free",{{members}}}""").Cost.Cost);
    }

    // The dearest search of OpenRouter's engines is 0.02 here.
    [Theory]
    [InlineData("free:online", "", "0.25", 250)]
    [InlineData("free:online", "", "0.001", 20)]
    [InlineData("seeking:online", "", "0.001", 30)]
    [InlineData("seeking:online", "", "0.25", 250)]
    [InlineData("seeking", ",\"web_search_options\":{}", "0.001", 30)]
    [InlineData("seeking", ",\"plugins\":[{\"id\":\"web\"}]", "0.001", 30)]
    [InlineData("seeking", ",\"tools\":[{\"type\":\"openrouter:web_search\"}]", "0.001", 30)]
    [InlineData("seeking", ",\"tools\":[{\"type\":\"openrouter:web_fetch\"}]", "0.001", 1)]
    [InlineData("seeking", "", "0.25", 0)]
    public async Task Search_ReservesItsPriceOrThatOfServerTools_NotBoth(string model, string members, string maxCost, int thousandths)
    {
        using var estimator = await Estimator.CreateAsync(Prices, maxCost: maxCost);

        var estimate = estimator.Estimate("/v1/chat/completions", $$"""{"model":"{{model}}"{{members}}}""");

        Assert.Equal(new PicoDollars(thousandths * Dollar / 1000), estimate.Cost.Cost);
    }
}
