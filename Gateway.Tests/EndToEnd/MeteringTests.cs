using System.IO.Compression;
using System.Text;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the money is right, to the pico-dollar, for every answer in every shape, and not a byte of an answer is altered for it.
/// </summary>
public sealed class MeteringTests : IClassFixture<MeteringTests.Fixture>
{
    private const string NoId = "x-fake-no-generation-id: 1";

    private readonly TeamGateway _team;

    public MeteringTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    public static TheoryData<string, bool, string[]> Answers
    {
        get
        {
            string[][] shapes =
            [
                [], ["x-fake-gzip: 1"], ["x-fake-split: 7"], ["x-fake-gzip: 1", "x-fake-split: 7"], ["x-fake-cost-exponent: 1"],
                ["x-fake-whitespace: 3", "x-fake-whitespace-ms: 5", "x-fake-keepalives: 3", "x-fake-keepalive-ms: 5"],
                ["x-fake-size: 200000"],
            ];
            var data = new TheoryData<string, bool, string[]>();
            foreach (var shape in shapes)
            {
                foreach (var path in (ReadOnlySpan<string>)["chat/completions", "completions", "responses", "messages"])
                {
                    data.Add(path, false, shape);
                    data.Add(path, true, shape);
                }

                data.Add("embeddings", false, shape);
                data.Add("rerank", false, shape);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Answer_PassesUnalteredAndIsBilledToThePico(string path, bool streams, string[] lines)
    {
        var stream = streams ? ",\"stream\":true" : "";
        var body = $$"""{"model":"mistralai/ministral-3b","provider":{"order":["mistral"]},"input":"x","messages":[]{{stream}} }""";
        string[] script = [.. lines, "x-fake-prompt-tokens: 1234567", "x-fake-completion-tokens: 13"];
        var call = await _team.PostAsync("/v1/" + path, body, script);
        var direct = await DirectAsync("/api/v1/" + path, body, script);

        Assert.Equal(200, call.Status);
        Assert.Equal(RawEnd.Complete, call.Body.End);
        Assert.Equal(direct, Plain(call.Head, call.Body, _team.Bill(call).Id));
        var bill = _team.Bill(call);
        var row = await _team.ClosedRowAsync(bill);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)bill.Cost, row.CostPico);
        Assert.Equal(0, row.Questions);

        // The answer of /rerank has only one number of tokens: all of them.
        Assert.Equal(path == "rerank" ? 1234580 : 1234567, row.PromptTokens);
        Assert.Equal("mistralai/ministral-3b", row.Answered);
        Assert.Equal("mistral", row.Provider, ignoreCase: true);
        Assert.Equal("Completed", row.Ended);
        Assert.Equal(200, row.Status);
        Assert.Equal(streams, row.Streams);
        Assert.Equal("/" + path, row.Endpoint);
        Assert.True(row.FirstTokenMicroseconds > 0);
        if (path is not ("embeddings" or "rerank"))
        {
            Assert.Equal(13, row.CompletionTokens);
            Assert.NotEmpty(row.FinishReason ?? "");
        }
    }

    [Theory]
    [InlineData("\"stream\":true", "x-fake-no-usage: 1")]
    [InlineData("", "x-fake-no-usage: 1")]
    [InlineData("", "x-fake-no-usage: 1", "x-fake-gzip: 1")]
    [InlineData("", "x-fake-error: 1")]
    [InlineData("\"stream\":true", "x-fake-error-after: 2")]
    [InlineData("\"stream\":true", "x-fake-end-after: 2")]
    [InlineData("\"stream\":true", "x-fake-cut-after: 2")]
    [InlineData("\"stream\":true", "x-fake-cut-after: 2", "x-fake-bill-full: 1")]
    [InlineData("", "x-fake-cut-at-byte: 30")]
    [InlineData("", "x-fake-status: 502", "x-fake-bill-error: 1")]
    public async Task AnswerWithoutABill_IsSettledByWhatUpstreamSaysOfTheGeneration(string members, params string[] lines)
    {
        var call = await _team.ChatAsync(members, lines);
        var bill = _team.Bill(call);
        var row = await _team.ClosedRowAsync(bill);

        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)bill.Cost, row.CostPico);
        Assert.True(bill.Cost > 0);
        Assert.True(row.Questions > 0);
    }

    [Fact]
    public async Task ClientThatLeavesAStream_StopsUpstreamAtOnceAndIsBilledForWhatCame()
    {
        await using var call = await _team.OpenStreamAsync("", "x-fake-events: 500", "x-fake-stall-after: 40");
        var request = await _team.Upstream.Requests.WaitForAsync(candidate => candidate.Id == call.Id && candidate.EventsWritten == 40);
        call.Client.Reset();
        await request.WaitForEndAsync();

        Assert.Equal(ReceivedEnd.ClientAborted, request.End);
        var bill = _team.Bill(call.Id);
        var row = await _team.ClosedRowAsync(bill);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal("ClientLeft", row.Ended);
        Assert.Equal((long)bill.Cost, row.CostPico);
        Assert.Equal(40, row.CompletionTokens);
    }

    [Theory]
    [InlineData("x-fake-delay-ms: 400")]
    [InlineData("x-fake-first-byte-delay-ms: 400")]
    [InlineData("x-fake-whitespace: 20", "x-fake-whitespace-ms: 20")]
    [InlineData("x-fake-size: 3000000", "x-fake-delay-ms: 200")]
    public async Task ClientThatLeavesACallThatDoesNotStream_IsBilledByItsAnswer(params string[] lines)
    {
        await using var call = await _team.SendAsync("/v1/chat/completions", TeamGateway.Body("\"stream\":false"), lines);
        await LeaveToItsEndAsync(call);

        var bill = _team.Bill(call.Id);
        var row = await _team.ClosedRowAsync(bill);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)bill.Cost, row.CostPico);
        Assert.Equal(0, row.Questions);
        Assert.Equal(0, bill.Questions);
    }

    /// <summary>These endpoints do not stream; their member <c>stream</c> has no effect upstream.</summary>
    [Theory]
    [InlineData("/v1/embeddings", "{\"model\":\"openai/text-embedding-3-small\",\"input\":\"hi\",\"stream\":true}")]
    [InlineData("/v1/rerank", "{\"model\":\"mistralai/ministral-3b\",\"query\":\"q\",\"documents\":[\"d\"],\"stream\":true}")]
    public async Task ClientThatLeavesACallThatCannotStream_IsBilledByItsAnswer(string path, string body)
    {
        await using var call = await _team.SendAsync(path, body, "x-fake-delay-ms: 400");
        await LeaveToItsEndAsync(call);

        var bill = _team.Bill(call.Id);
        var row = await _team.ClosedRowAsync(bill);
        Assert.Equal((GenerationState.Settled, (long)bill.Cost), (row.State, row.CostPico));
    }

    [Fact]
    public async Task ClientThatLeavesACallWhoseBodyIsNotRead_LeavesItToItsEnd()
    {
        await using var call = await _team.SendAsync("/v1/audio/transcriptions", "{}", "x-fake-delay-ms: 400");
        await LeaveToItsEndAsync(call);
    }

    [Theory]
    [InlineData("", "x-fake-close: 1", NoId)]
    [InlineData("\"stream\":true", "x-fake-close: 1", NoId)]
    [InlineData("\"stream\":true", "x-fake-cut-after: 0", NoId)]
    [InlineData("", "x-fake-status: 502", "x-fake-content-type: text/html", "x-fake-body: <html>a proxy's own page</html>")]
    [InlineData("", "x-fake-body: {}")]
    public async Task WhatCannotBeAskedFor_IsChargedAtItsReservation(string members, params string[] lines)
    {
        var model = $"\"model\":\"openai/gpt-4o-mini:nitro\",\"seed\":{TeamGateway.NextId()[5..]}";
        var before = (await _team.RowsAsync()).Count;
        await _team.ChatAsync(model + (members.Length > 0 ? "," + members : ""), lines);

        var row = await NewClosedRowAsync(before);
        Assert.Equal(GenerationState.Unresolvable, row.State);
        Assert.Null(row.CostPico);
        Assert.True(row.ReservedPico > 4096 * 600_000L);
    }

    [Fact]
    public async Task UnreachableUpstream_CostsNothing()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Limits = """{ "Prices": [ { "Model": "openai/gpt-4o-mini", "Prompt": "1", "Completion": "1" } ] }""",
            UpstreamUrl = ScriptedSocketUpstream.RefusingBaseUrl,
            WaitsForPrices = false,
        });
        (await team.ChatAsync()).IsRefused(502);

        var row = await team.RowAsync(row => row.IsClosed);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal(0, row.CostPico);
        Assert.True(row.ReservedPico > 0);
        Assert.Equal("UpstreamUnreachable", row.Ended);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "x-fake-status: 429", "x-fake-header: Retry-After: 7", NoId)]
    [InlineData("/v1/chat/completions", "x-fake-status: 400", NoId)]
    [InlineData("/v1/chat/completions", "x-fake-status: 502", NoId)]
    [InlineData("/v1/messages", "x-fake-status: 529", NoId)]
    [InlineData("/v1/chat/completions", "x-fake-status: 403", "x-fake-gzip: 1", NoId)]
    [InlineData("/v1/chat/completions", "x-fake-status: 404")]
    public async Task UpstreamsErrors_PassVerbatimAndCostNothing(string path, params string[] lines)
    {
        var body = TeamGateway.Body();
        var before = (await _team.RowsAsync()).Count;
        var call = await _team.PostAsync(path, body, lines);
        var direct = await DirectAsync("/api" + path, body, lines);

        Assert.Equal(lines[0], $"x-fake-status: {call.Status}");
        Assert.Equal(direct, Plain(call.Head, call.Body, _team.Bill(call).Id));
        Assert.Null(call.Head.Header("x-gateway-error"));
        Assert.Equal(lines.Contains("x-fake-header: Retry-After: 7") ? "7" : null, call.Head.Header("Retry-After"));
        var row = await NewClosedRowAsync(before);
        Assert.Equal(call.Status, row.Status);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal(0, row.CostPico);
    }

    [Theory]
    [InlineData("gzip, deflate, br, zstd", "gzip, deflate, br")]
    [InlineData("gzip, deflate, br", "gzip, deflate, br")]
    [InlineData("zstd", "identity")]
    [InlineData("*", "identity")]
    [InlineData("gzip;q=0.5, identity", "gzip;q=0.5, identity")]
    [InlineData(null, null)]
    public async Task AcceptEncoding_IsNarrowedToWhatCanBeRead(string? sent, string? arrived)
    {
        var call = await _team.ChatAsync("", sent is null ? [] : ["Accept-Encoding: " + sent]);

        Assert.Equal(arrived, call.Forwarded.Header("Accept-Encoding"));
    }

    [Theory]
    [InlineData("\"stream\":true")]
    [InlineData("")]
    public async Task Id_OfAnAnswerThatHasNoHeaderForIt_IsTakenFromItsBody(string members)
    {
        var call = await _team.ChatAsync(members, NoId, "x-fake-no-usage: 1");
        var bill = _team.Bill(call);
        var row = await _team.ClosedRowAsync(bill);

        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)bill.Cost, row.CostPico);
    }

    /// <summary>Leaves a call that upstream has received. Upstream answers it to the end.</summary>
    private async Task LeaveToItsEndAsync(TeamCall call)
    {
        var request = await _team.Upstream.Requests.WaitForAsync(candidate => candidate.Id == call.Id && candidate.BodyComplete);
        call.Client.Reset();
        await request.WaitForEndAsync();

        Assert.Equal(ReceivedEnd.Complete, request.End);
    }

    private Task<LedgerRow> NewClosedRowAsync(int before) => Eventually.GetAsync(
        async () => (await _team.RowsAsync()).Skip(before).FirstOrDefault(row => row.IsClosed), "a closed row");

    /// <summary>Upstream's response to the same call without a gateway, with a placeholder for the id.</summary>
    private async Task<string> DirectAsync(string path, string body, string[] lines)
    {
        await using var client = await RawHttpClient.ConnectAsync(new Uri(_team.Upstream.RootUrl));
        var id = TeamGateway.NextId();
        await client.PostAsync(path, body, [.. lines, $"x-fake-id: {id}"]);
        var (head, answer) = await client.ReadAsync();
        return Plain(head, answer, _team.Bill(id).Id);
    }

    private static string Plain(RawResponse head, RawBody body, string id)
    {
        var bytes = body.Bytes;
        if (head.Header("Content-Encoding") == "gzip")
        {
            using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            using var plain = new MemoryStream();
            gzip.CopyTo(plain);
            bytes = plain.ToArray();
        }

        return $"{head.Status} {head.Header("Content-Type")}\n"
            + Encoding.UTF8.GetString(bytes).Replace(id, "ID", StringComparison.Ordinal);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private TeamGateway? _team;

        internal TeamGateway Team => _team ?? throw new InvalidOperationException("Not started.");

        public async ValueTask InitializeAsync() => _team = await TeamGateway.StartAsync();

        public ValueTask DisposeAsync() => _team?.DisposeAsync() ?? default;
    }
}
