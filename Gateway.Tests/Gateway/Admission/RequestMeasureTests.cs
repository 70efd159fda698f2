using Gateway.Pricing;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>The size that a body of each endpoint states.</summary>
public sealed class RequestMeasureTests : IAsyncLifetime
{
    private const string Prices = """{"data":[{"id":"m","pricing":{"prompt":"0.000001","completion":"0.000002"} }]}""";

    private const string Chat = "/v1/chat/completions";
    private const string Completions = "/v1/completions";
    private const string Responses = "/v1/responses";
    private const string Messages = "/v1/messages";
    private const string Embeddings = "/v1/embeddings";

    private Estimator _estimator = null!;

    public async ValueTask InitializeAsync() => _estimator = await Estimator.CreateAsync(Prices);

    public ValueTask DisposeAsync()
    {
        _estimator.Dispose();
        return ValueTask.CompletedTask;
    }

    // Fault C1: a member that the endpoint ignores must not lower the estimate.
    [Theory]
    [InlineData(Chat, "", 0, 4096)]
    [InlineData(Chat, "\"max_output_tokens\":1", 0, 4096)]
    [InlineData(Chat, "\"max_output_tokens\":1,\"max_tokens\":1000", 1000, 1000)]
    [InlineData(Chat, "\"max_tokens\":1000,\"max_completion_tokens\":1", 1000, 1000)]
    [InlineData(Chat, "\"max_completion_tokens\":1000,\"max_tokens\":1", 1000, 1000)]
    [InlineData(Chat, "\"max_completion_tokens\":7", 7, 7)]
    [InlineData(Chat, "\"max_tokens\":7", 7, 7)]
    [InlineData(Chat, "\"max_tokens\":7,\"max_completion_tokens\":null", 7, 7)]
    [InlineData(Chat, "\"max_tokens\":7,\"max_tokens\":null", 7, 4096)]
    [InlineData(Chat, "\"max_tokens\":9000,\"max_tokens\":null", 9000, 9000)]
    [InlineData(Chat, "\"max_tokens\":0,\"max_completion_tokens\":5", 5, 4096)]
    [InlineData(Chat, "\"max_tokens\":-1", 0, 4096)]
    [InlineData(Chat, "\"max_tokens\":\"5\"", 5, 4096)]
    [InlineData(Completions, "\"max_tokens\":7", 7, 7)]
    [InlineData(Completions, "\"max_tokens\":7,\"max_completion_tokens\":9", 9, 9)]
    [InlineData(Completions, "\"max_completion_tokens\":1", 1, 4096)]
    [InlineData(Completions, "\"max_completion_tokens\":9000", 9000, 9000)]
    [InlineData(Completions, "\"max_output_tokens\":1", 0, 4096)]
    [InlineData(Messages, "\"max_tokens\":7", 7, 7)]
    [InlineData(Messages, "\"max_completion_tokens\":1,\"max_output_tokens\":1", 0, 4096)]
    [InlineData(Messages, "\"max_tokens\":7,\"max_completion_tokens\":1", 7, 7)]
    [InlineData(Responses, "\"max_output_tokens\":7", 7, 7)]
    [InlineData(Responses, "\"max_tokens\":1,\"max_completion_tokens\":1", 0, 4096)]
    [InlineData(Responses, "\"max_tokens\":1,\"max_output_tokens\":50", 50, 50)]
    [InlineData(Embeddings, "\"max_tokens\":1,\"max_output_tokens\":1", 0, 4096)]
    [InlineData("/v1/rerank", "\"max_tokens\":1", 0, 4096)]
    [InlineData("/v1/images", "\"max_tokens\":1", 0, 4096)]
    public void OutputCap_IsThatOfTheEndpoint(string path, string members, long stated, long output)
    {
        var size = Measure(path, members);

        Assert.Equal((stated, output), (size.StatedOutputTokens, size.OutputTokens));
    }

    [Theory]
    [InlineData(Chat, "\"n\":3", 3)]
    [InlineData(Chat, "\"n\":3,\"n\":1", 3)]
    [InlineData(Chat, "\"n\":1,\"best_of\":5", 5)]
    [InlineData(Chat, "\"n\":6,\"best_of\":5", 6)]
    [InlineData(Chat, "\"n\":0,\"best_of\":-1", 1)]
    [InlineData(Chat, "\"n\":2.5", 3)]
    [InlineData(Chat, "\"n\":\"4\"", 4)]
    [InlineData(Chat, "\"b\\u0065st_of\":4", 4)]
    [InlineData(Completions, "\"n\":2,\"prompt\":[\"a\",\"b\",\"c\"]", 6)]
    [InlineData(Completions, "\"n\":2,\"prompt\":[[1,2],[3]]", 4)]
    [InlineData(Completions, "\"n\":2,\"prompt\":[1,2,3]", 2)]
    [InlineData(Completions, "\"n\":2,\"prompt\":\"a\"", 2)]
    [InlineData(Completions, "\"prompt\":[\"a\",\"b\"],\"prompt\":\"a\"", 2)]
    [InlineData(Chat, "\"prompt\":[\"a\",\"b\"]", 1)]
    public void Choices_AreTheMostThatTheBodyAsksFor(string path, string members, long choices) =>
        Assert.Equal(choices, Measure(path, members).Choices);

    [Theory]
    [InlineData(Embeddings, "\"input\":[100257,100258,100259]", 12)]
    [InlineData(Completions, "\"prompt\":[[1],[2]]", 8)]
    [InlineData(Chat, "\"input\":[100257,100258,100259]", 22)]
    [InlineData(Embeddings, "\"prompt\":[100257,100258,100259]", 22)]
    [InlineData(Embeddings, "\"input\":\"abc\"", 5)]
    public void TokenArrays_CountFourBytesAToken(string path, string members, long bytes)
    {
        var name = members.Split(':')[0];

        Assert.Equal(Measure(path, name + ":0").TextBytes - 1 + bytes, Measure(path, members).TextBytes);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("\"service_tier\":null", 0)]
    [InlineData("\"service_tier\":\"auto\"", 0)]
    [InlineData("\"speed\":\"standard\"", 0)]
    [InlineData("\"service_tier\":\"default\"", 1)]
    [InlineData("\"service_tier\":\"flex\"", 1)]
    [InlineData("\"service_tier\":\"default\",\"service_tier\":null", 0)]
    [InlineData("\"service_tier\":\"default\",\"service_tier\":\"auto\"", 0)]
    [InlineData("\"service_tier\":\"priority\"", 2)]
    [InlineData("\"service_tier\":\"pri\\u006frity\"", 2)]
    [InlineData("\"service_tier\":\"fast\",\"service_tier\":\"default\"", 2)]
    [InlineData("\"speed\":\"fast\",\"service_tier\":\"default\"", 2)]
    [InlineData("\"service_tier\":\"scale\"", 2)]
    [InlineData("\"service_tier\":[\"default\"]", 2)]
    [InlineData("\"service_tier\":\" Priority \"", 2)]
    [InlineData("\"service_tier\":\"Default\"", 2)]
    [InlineData("\"speed\":\"standard\",\"service_tier\":\"default\"", 0)]
    [InlineData("\"service_tier\":\"default\",\"speed\":\"standard\"", 0)]
    [InlineData("\"service_tier\":\"default\",\"speed\":null", 1)]
    [InlineData("\"provider\":{\"ignore\":[\"openai/priority\"]}", 0)]
    [InlineData("\"provider\":{\"ignore\":[\"openai/priority\"],\"only\":[\"openai/priority\"]}", 2)]
    [InlineData("\"provider\":{\"order\":[\"openai\",\"azure/us\"]}", 0)]
    [InlineData("\"provider\":{\"order\":[\"openai/priority\"]}", 2)]
    [InlineData("\"provider\":{\"only\":[\"google-vertex\\/Priorit\\u0079\"]},\"provider\":{}", 2)]
    [InlineData("\"provider\":{\"only\":[\"google-vertex/us-east5/fast\"]},\"service_tier\":\"default\"", 2)]
    public void Tier_IsTheDearestThatMayServe(string members, int tier) => Assert.Equal((ServiceTier)tier, Measure(Chat, members).Tier);

    // A standard tier rules out the fast one that `:nitro` may choose, but only where it is read.
    [Theory]
    [InlineData(Chat, true)]
    [InlineData(Responses, true)]
    [InlineData(Messages, true)]
    [InlineData(Completions, false)]
    [InlineData(Embeddings, false)]
    [InlineData("/v1/rerank", false)]
    [InlineData("/v1/images", false)]
    [InlineData("/v1/images/generations", false)]
    public void Tier_ThatTheEndpointIgnores_LowersNothing(string path, bool isRead)
    {
        foreach (var tier in (string[])["default", "flex"])
        {
            var member = $"\"service_tier\":\"{tier}\"";
            Assert.Equal(isRead ? ServiceTier.Standard : ServiceTier.Unstated, Measure(path, member).Tier);

            // Of the same length, so that only the tier differs.
            var (stated, other) = (Nitro(member), Nitro(member.Replace("service", "another", StringComparison.Ordinal)));
            Assert.Equal(isRead, stated < other);
            Assert.True(stated <= other);
        }

        foreach (var member in (string[])["\"service_tier\":\"fast\"", "\"service_tier\":\"priority\"", "\"speed\":\"fast\""])
        {
            Assert.Equal(ServiceTier.Fast, Measure(path, member).Tier);
        }

        PicoDollars Nitro(string member) => _estimator.Estimate(path, $$"""{"model":"m:nitro",{{member}}}""").Cost.Cost!.Value;
    }

    [Theory]
    [InlineData("\"x\":1", 0)]
    [InlineData("\"cache_control\":{\"type\":\"ephemeral\"}", 1)]
    [InlineData("\"messages\":[{\"cache_control\":{\"ttl\":\"1h\"}}]", 2)]
    [InlineData("\"ttl\":\"1h\"", 0)]
    public void CacheWrites_AreThoseThatTheBodyAsksFor(string members, int writes) =>
        Assert.Equal((CacheWrites)writes, Measure(Messages, members).CacheWrites);

    // Fault C2: text in the alphabet of base64, without a blank.
    [Fact]
    public void LongTextInTheAlphabetOfBase64_IsText()
    {
        var prompt = string.Concat(Enumerable.Repeat("please_summarise_", 40_000));

        var estimate = _estimator.Estimate(Chat, $$"""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"{{prompt}}"}]}""");

        Assert.InRange(estimate.Size.TextTokens, prompt.Length / 2, (prompt.Length / 2) + 100);
        Assert.InRange(estimate.Cost.Tokens, prompt.Length / 4, (prompt.Length / 4) + 100);
    }

    [Fact]
    public async Task BytesPerToken_IsASetting()
    {
        using var cautious = await Estimator.CreateAsync(Prices, """{ "BytesPerToken": 1, "AssumedCompletionTokens": 10 }""");

        var size = cautious.Estimate(Chat, "{\"model\":\"m\"}").Size;

        Assert.Equal((13, 10), (size.TextTokens, size.OutputTokens));
        Assert.Equal(7, _estimator.Estimate(Chat, "{\"model\":\"m\"}").Size.TextTokens);
    }

    private RequestSize Measure(string path, string members) =>
        _estimator.Estimate(path, $$"""{"model":"m"{{(members.Length > 0 ? "," : "")}}{{members}}}""").Size;
}
