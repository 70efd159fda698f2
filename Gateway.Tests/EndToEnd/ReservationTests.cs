using System.IO.Compression;
using System.Text;
using Gateway.Tests.Gateway.Admission;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a call reserves the most that it may cost, as the ledger's row shows.</summary>
public sealed class ReservationTests(ReservationTests.Fixture fixture) : IClassFixture<ReservationTests.Fixture>
{
    private const string Mini = "openai/gpt-4o-mini";

    private static readonly string[] Dialects = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

    private TeamGateway Team => fixture.Team;

    [Theory]
    [InlineData("\"max_tokens\":10", 150_000, 600_000, 10)]
    [InlineData("\"max_tokens\":10,\"max_completion_tokens\":7", 150_000, 600_000, 10)]
    [InlineData("\"max_completion_tokens\":7,\"max_output_tokens\":900,\"n\":3", 150_000, 600_000, 21)]
    [InlineData("\"n\":2,\"max_output_tokens\":1", 150_000, 600_000, 2 * 4096)]
    [InlineData("\"max_tokens\":10,\"best_of\":3", 150_000, 600_000, 30)]
    [InlineData("\"models\":[\"openai/gpt-4o\",\"anthropic/claude-3-opus\"],\"max_tokens\":1", 15_000_000, 75_000_000, 1)]
    [InlineData(
        "\"model\":\"openai/gpt-4o-mini\",\"fallbacks\":[{\"model\":\"anthropic/claude-3-opus\"}],\"max_tokens\":1",
        15_000_000,
        75_000_000,
        1)]
    [InlineData("\"model\":\"anthropic/claude-3-opus\",\"model\":\"openai/gpt-4o-mini\",\"max_tokens\":1", 15_000_000, 75_000_000, 1)]
    [InlineData("\"model\":\"quick\",\"max_tokens\":1", 15_000_000, 75_000_000, 1)]
    [InlineData("\"model\":\"openai/gpt-4o-mini:nitro\",\"max_tokens\":1", 300_000, 1_200_000, 1)]
    [InlineData("\"model\":\"openai/gpt-4o-mini:nitro\",\"max_tokens\":1,\"service_tier\":\"default\"", 150_000, 600_000, 1)]
    [InlineData("\"model\":\"anthropic/claude-opus-4.6\",\"max_tokens\":1,\"speed\":\"fast\"", 30_000_000, 150_000_000, 1)]
    [InlineData("\"model\":\"openai/gpt-5.6\",\"max_tokens\":1", 2_500_000, 16_000_000, 1)]
    [InlineData("\"model\":\"anthropic/claude-sonnet-4.5\",\"max_tokens\":1", 3_000_000, 15_000_000, 1)]
    [InlineData(
        "\"model\":\"anthropic/claude-sonnet-4.5\",\"max_tokens\":1,\"cache_control\":{\"type\":\"ephemeral\"}", 3_750_000, 15_000_000, 1)]
    [InlineData("\"model\":\"deepseek/deepseek-chat-v3\",\"max_tokens\":1", 560_000, 840_000, 1)]
    [InlineData("\"model\":\"meta-llama/llama-3.1-8b-instruct\",\"max_tokens\":1", 20_000, 30_000, 1)]
    [InlineData(
        "\"m\\u006fdel\":\"anthropic/claude-3-opus\",\"\\u006dodel\":\"openai/gpt-4o-mini\",\"max_tokens\":1",
        15_000_000,
        75_000_000,
        1)]
    [InlineData("\"max_tokens\":0", 150_000, 600_000, 4096)]
    [InlineData("\"max_tokens\":-1", 150_000, 600_000, 4096)]
    [InlineData("\"max_tokens\":-1,\"max_completion_tokens\":5000", 150_000, 600_000, 5000)]
    [InlineData("\"max_tokens\":1e3,\"n\":-7", 150_000, 600_000, 1000)]
    public async Task Reservation_IsTheDearestThatMayCome(string members, long prompt, long completion, long tokens)
    {
        var body = TeamGateway.Body(members);
        var call = await Team.PostAsync("/v1/chat/completions", body);

        Assert.Equal((((Encoding.UTF8.GetByteCount(body) + 1) / 2) * prompt) + (tokens * completion), await ReservedAsync(call));
    }

    [Fact]
    public async Task Reservation_CountsNoPicturesAsText()
    {
        var picture = Convert.ToBase64String(new byte[600_000]);
        var text = new string('a', 10_000) + " ";
        var body = $$$"""
            {"model":"openai/gpt-4o-mini","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"{{{text}}}"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,{{{picture}}}"}}]}]}
            """;

        var call = await Team.PostAsync("/v1/chat/completions", body);

        // Half a token a byte, and 2,000 tokens for the picture.
        Assert.InRange(await ReservedAsync(call), 7_000 * 150_000L, 7_500 * 150_000L);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    public async Task Encoding_ChangesNoReservation(string encoding)
    {
        await CheckAsync($$"""{"model":"{{Mini}}","max_tokens":5,"messages":[{"role":"user","content":"{{new string('a', 50_000)}}"}]}""");

        var first = TestEffort.Seed(1);
        for (var seed = first; seed < first + (ulong)TestEffort.Times(4); seed++)
        {
            var random = new TestRandom(seed);
            var path = Dialects[random.Next(Dialects.Length)];
            await CheckAsync(RandomBody.Create(path, random).Respelled(random), path, $"seed {seed}: ");
        }

        async Task CheckAsync(string body, string path = "/v1/chat/completions", string name = "")
        {
            var plain = await Team.PostAsync(path, body);
            using var encoded = new MemoryStream();
            await using (Stream encoder = encoding switch
            {
                "gzip" => new GZipStream(encoded, CompressionLevel.Optimal, leaveOpen: true),
                "br" => new BrotliStream(encoded, CompressionLevel.Fastest, leaveOpen: true),
                _ => new ZLibStream(encoded, CompressionLevel.Optimal, leaveOpen: true),
            })
            {
                await encoder.WriteAsync(Encoding.UTF8.GetBytes(body), TestContext.Current.CancellationToken);
            }

            var id = TeamGateway.NextId();
            await using var client = await Team.Gateway.ConnectAsync();
            await client.PostAsync(
                path, encoded.ToArray(), "x-api-key: " + TeamSetup.Key, "x-fake-id: " + id, "Content-Encoding: " + encoding);
            var (head, answer) = await client.ReadAsync();

            Assert.Equal(
                (name, await ReservedAsync(plain)), (name, await ReservedAsync(new Exchange(head, answer, Team.Upstream.Requests.Find(id)))));
        }
    }

    private async Task<long> ReservedAsync(Exchange call)
    {
        Assert.Equal(200, call.Status);
        return (await Team.ClosedRowAsync(Team.Bill(call))).ReservedPico;
    }

    /// <summary>One gateway for all calls, with a budget that they do not exhaust.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Team = await TeamGateway.StartAsync(
            """
            "Budget": { "Usd": 1000 }, "ServerTools": ["*"], "ProviderMapping":
            { "Aliases": [ { "Model": "quick", "Use": "openai/gpt-4o-mini", "Fallbacks": ["anthropic/claude-3-opus"] } ] }
            """,
            $$"""{ "Prices": [ {{string.Join(", ", RandomBody.Names.Select(
                static name => $$"""{ "Model": "{{name}}", "Prompt": "0.000001", "Completion": "0.000002" }"""))}} ] }""");

        public ValueTask DisposeAsync() => Team.DisposeAsync();
    }
}
