using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: what is billed by another unit than the token is reserved too.</summary>
public sealed class UnitPriceTests
{
    private const long Dollar = 1_000_000_000_000;

    private const string Prices = """
        {"data":[
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
}
