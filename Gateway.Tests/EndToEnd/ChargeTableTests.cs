using System.Net;
using System.Net.Http.Headers;
using System.Text;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a call is charged by what came back of it, in the same way as JSON and as an event stream, over HTTP/1.1 and over HTTP/2 from the
/// client to the upstream. The theories are the cases of <c>docs/operations.md</c>.
/// </summary>
public sealed class ChargeTableTests : IClassFixture<ChargeTableTests.Fixture>
{
    private const string NoId = "x-fake-no-generation-id: 1";
    private const string Page = "x-fake-body: <html>a front's page</html>";
    private const string Html = "x-fake-content-type: text/html";
    private const string Refused = "REFUSED_STREAM";
    private const string Excluded = "GOAWAY";

    // The gateway passes the head of an answer in JSON when it has read that there are choices.
    private const string WithChoices = "x-fake-split: 250";

    // Events need line ends, which a header cannot have.
    private const string ErrorEvent = "ZGF0YTogeyJlcnJvciI6eyJjb2RlIjo1MDJ9fQoK"; // data: {"error":{"code":502}}

    private static readonly TestCertificate Certificate = TestCertificate.Create();

    private static readonly Dictionary<string, Script> FreeAnswers = new()
    {
        ["a page of 521"] = new("x-fake-status: 521", Page, Html),
        ["a page of 530"] = new("x-fake-status: 530", Page, Html),
        ["a redirect"] = new("x-fake-status: 307", "x-fake-header: Location: /elsewhere", "x-fake-body: "),
        ["204"] = new("x-fake-status: 204", "x-fake-body: "),
        ["304"] = new("x-fake-status: 304", "x-fake-body: "),
        ["a page of 404"] = new("x-fake-status: 404", Page, Html),
        ["an error of 429 without an id"] = new("x-fake-status: 429", NoId),
        ["nothing but an error"] = new(
            ["x-fake-body: {\"error\":{\"code\":502,\"message\":\"x\"}}"],
            ["x-fake-body-base64: " + ErrorEvent, "x-fake-content-type: text/event-stream"]),
    };

    private static readonly Dictionary<string, Script> PricedAnswers = new()
    {
        ["plain"] = new([]),
        ["compressed"] = new("x-fake-gzip: 1"),
        ["of the account's own key"] = new("x-fake-byok: 0.0125"),
        ["without the header of its id"] = new(NoId),
        ["behind another cost"] = new(["x-fake-whitespace: 2", "x-fake-whitespace-ms: 0"], ["x-fake-interim-cost: 0.001"]),
    };

    private static readonly Dictionary<string, Script> NamedAnswers = new()
    {
        ["without a cost"] = new("x-fake-no-usage: 1"),
        ["without a cost at its end"] = new(
            ["x-fake-no-usage: 1", "x-fake-gzip: 1"], ["x-fake-no-usage: 1", "x-fake-interim-cost: 0.001"]),
        ["with an error inside"] = new(["x-fake-error: 1"], ["x-fake-error-after: 2"]),
        ["an error of 502"] = new("x-fake-status: 502", "x-fake-bill-error: 1"),
        ["an error of 429"] = new("x-fake-status: 429"),
    };

    private static readonly Dictionary<string, Script> UnknownAnswers = new()
    {
        ["a page of 502"] = new("x-fake-status: 502", Page, Html),
        ["a page of 524"] = new("x-fake-status: 524", Page, Html),
        ["a page of 408"] = new("x-fake-status: 408", Page, Html),
        ["a page of 499"] = new("x-fake-status: 499", Page, Html),
        ["an empty 200"] = new("x-fake-body: "),
        ["a page of 200"] = new(Page, Html),
        ["a closed connection"] = new("x-fake-close: 1"),
    };

    private readonly Fixture _fixture;

    public ChargeTableTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    public static TheoryData<string, bool, bool> Free => Cases(FreeAnswers.Keys);

    public static TheoryData<string, bool, bool> Priced => Cases(PricedAnswers.Keys);

    public static TheoryData<string, bool, bool> Named => Cases(NamedAnswers.Keys);

    public static TheoryData<string, bool, bool> Unknown => Cases(UnknownAnswers.Keys);

    public static TheoryData<string, bool, bool> Unprocessed
    {
        get
        {
            var cases = Cases(["a refused connection", "a broken handshake", "a connect timeout"]);
            foreach (var streams in (bool[])[false, true])
            {
                cases.Add(Refused, streams, true);
                cases.Add(Excluded, streams, true);
            }

            return cases;
        }
    }

    public static TheoryData<bool, bool> Carriers => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    [Theory]
    [MemberData(nameof(Unprocessed))]
    public async Task CallThatUpstreamHasNotProcessed_CostsNothing(string why, bool streams, bool isOnHttp2)
    {
        await using var socket = ScriptedSocketUpstream.Start(connection => why switch
        {
            "a broken handshake" => connection.ReadExactlyAsync(1),
            Refused or Excluded => LeaveUnprocessedAsync(connection, why),
            _ => connection.WaitForCloseAsync(),
        });
        var url = why switch
        {
            "a refused connection" => ScriptedSocketUpstream.RefusingBaseUrl,
            Refused or Excluded => socket.BaseUrl,
            _ => $"https://127.0.0.1:{socket.Port}/api/v1",
        };
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            // The attempts of a call have ten seconds, which the clock of a slow machine might not leave them.
            Time = new StandingTime(),
            KeepsDestinations = true,
            HasStoredPrices = true,
            Certificate = isOnHttp2 ? Certificate : null,
            Limits = $$"""{ "Prices": [ { "Model": "{{TeamGateway.Model}}", "Prompt": "0", "Completion": "0", "Request": "1" } ] }""",
            Sections =
            [
                ("ReverseProxy", Destinations.Of([url], isOnHttp2 ? Destinations.OnHttp2 : "")),
                ("Upstream", """{ "ConnectTimeout": "00:00:00.100", "MaxAttempts": 2 }"""),
            ],
        });

        var call = new Call(team, isOnHttp2, streams);
        using var response = await call.SendAsync([]);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("upstream_unreachable", text, StringComparison.Ordinal);
        var rows = await ClosedRowsAsync(team, time: null, response);
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal((GenerationState.Settled, 0L, null), (row.State, row.CostPico, row.GenerationId)));
        Assert.All(rows, row => Assert.True(row.ReservedPico > 0));
    }

    [Theory]
    [MemberData(nameof(Priced))]
    public async Task CompleteAnswerWithACost_CostsThat(string answer, bool streams, bool isOnHttp2)
    {
        var (row, bill) = await ChargeAsync(PricedAnswers[answer], streams, isOnHttp2);

        Assert.Equal((GenerationState.Settled, (long)bill!.Cost, bill.Id), (row.State, row.CostPico, row.GenerationId));
        Assert.Equal((long?)bill.ByokCost, row.UpstreamCostPico);
        Assert.True(row.CostPico > 0);
        Assert.Equal((0, 0), (row.Questions, bill.Questions));
    }

    [Theory]
    [MemberData(nameof(Named))]
    public async Task AnythingElseWithAnId_IsAskedFor(string answer, bool streams, bool isOnHttp2)
    {
        var (row, bill) = await ChargeAsync(NamedAnswers[answer], streams, isOnHttp2);

        Assert.Equal((GenerationState.Settled, (long)bill!.Cost, bill.Id), (row.State, row.CostPico, row.GenerationId));
        Assert.Equal(answer == "an error of 429", row.CostPico == 0);
        Assert.True(row.Questions > 0);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task AnswerThatUpstreamCuts_IsAskedFor(bool streams, bool isOnHttp2)
    {
        var (team, time) = _fixture.On(isOnHttp2);
        var call = new Call(team, isOnHttp2, streams);
        string[] lines = streams
            ? ["x-fake-keepalives: 0", "x-fake-cut-after: 2"]
            : [WithChoices, "x-fake-cut-at-byte: 260"];

        // A reset of HTTP/2 discards a head that its reader has not taken yet: the client has the first piece before the cut.
        using var response = await call.BeginAsync(lines);
        await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await body.ReadExactlyAsync(new byte[1], TestContext.Current.CancellationToken);
        team.Upstream.Requests.Find(call.Id)!.ReleaseAll();
        var draining = DrainAsync(body);

        // The gateway waits by its clock before it cuts the client off behind its error event.
        await time.AdvanceUntilAsync(TimeSpan.FromMilliseconds(50), () => Task.FromResult(draining.IsCompleted), "the end of the answer");
        await draining;

        var (row, _) = await SettledRowAsync(team, time, call, response);
        Assert.Equal("UpstreamBroke", row.Ended);
        Assert.True(row.Questions > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StreamThatItsClientLeaves_IsAskedFor(bool isOnHttp2)
    {
        var (team, time) = _fixture.On(isOnHttp2);
        var call = new Call(team, isOnHttp2, streams: true);
        using var response = await LeaveAsync(call, "x-fake-keepalives: 0", "x-fake-stall-after: 1");

        var request = team.Upstream.Requests.Find(call.Id)!;
        await request.WaitForEndAsync();
        Assert.Equal(ReceivedEnd.ClientAborted, request.End);
        var (row, _) = await SettledRowAsync(team, time, call, response);
        Assert.Equal("ClientLeft", row.Ended);
        Assert.True(row.Questions > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task JsonThatItsClientLeaves_IsReadToItsEnd(bool isOnHttp2)
    {
        // Nothing shows the moment at which the gateway notices. The request's line says whether it was before the end of the answer: if not,
        // another call is left.
        await Eventually.TrueAsync(() => HasOutlivedItsClientAsync(isOnHttp2), "a call that ends after its client has left");
    }

    [Theory]
    [MemberData(nameof(Free))]
    public async Task AnswerThatProvesThatNothingWasGenerated_CostsNothingAtOnce(string answer, bool streams, bool isOnHttp2)
    {
        var (row, _) = await ChargeAsync(FreeAnswers[answer], streams, isOnHttp2);

        Assert.Equal((GenerationState.Settled, 0L, null), (row.State, row.CostPico, row.GenerationId));
        Assert.Equal(0, row.Questions);
        Assert.True(row.ReservedPico > 0);
    }

    [Theory]
    [MemberData(nameof(Unknown))]
    public async Task AnythingElseWithoutAnId_IsUnknownAtItsReservation(string answer, bool streams, bool isOnHttp2)
    {
        var (row, _) = await ChargeAsync(UnknownAnswers[answer], streams, isOnHttp2, NoId);

        Assert.Equal((GenerationState.Unresolvable, null, null), (row.State, row.CostPico, row.GenerationId));
        Assert.True(row.Charge > 0);
    }

    private static TheoryData<string, bool, bool> Cases(IEnumerable<string> names)
    {
        var cases = new TheoryData<string, bool, bool>();
        foreach (var name in names)
        {
            foreach (var (streams, isOnHttp2) in ((bool, bool)[])[(false, false), (true, false), (false, true), (true, true)])
            {
                cases.Add(name, streams, isOnHttp2);
            }
        }

        return cases;
    }

    private static async Task LeaveUnprocessedAsync(ScriptedConnection connection, string how)
    {
        var script = new Http2Script(connection);
        await script.BeginAsync();
        while (true)
        {
            var stream = await script.ReadRequestAsync();
            await (!script.HasBody ? script.AnswerAsync(stream, """{"data":[]}""")
                : how == Refused ? script.RefuseAsync(stream)
                : script.GoAwayAsync());
        }
    }

    /// <summary>Makes a call to its end, and returns its row, once it is closed, and its bill.</summary>
    private async Task<(LedgerRow Row, BookEntry? Bill)> ChargeAsync(Script script, bool streams, bool isOnHttp2, params string[] more)
    {
        var (team, time) = _fixture.On(isOnHttp2);
        var call = new Call(team, isOnHttp2, streams);
        using var response = await call.SendAsync([.. streams ? script.Stream : script.Json, .. more]);
        Assert.Equal(isOnHttp2 ? HttpVersion.Version20 : HttpVersion.Version11, response.Version);
        Assert.Equal(isOnHttp2 ? "HTTP/2" : "HTTP/1.1", team.Upstream.Requests.Find(call.Id)!.Protocol);

        var row = Assert.Single(await ClosedRowsAsync(team, time, response));
        Assert.Equal(streams, row.Streams);
        return (row, team.Upstream.Book.Entries.SingleOrDefault(entry => entry.ScriptId == call.Id));
    }

    /// <summary>The only row of a call, which is settled by its bill, and the bill.</summary>
    private static async Task<(LedgerRow Row, BookEntry Bill)> SettledRowAsync(
        TeamGateway team, FakeTimeProvider time, Call call, HttpResponseMessage response)
    {
        var bill = team.Bill(call.Id);
        var row = Assert.Single(await ClosedRowsAsync(team, time, response));
        Assert.Equal((GenerationState.Settled, (long)bill.Cost, bill.Id), (row.State, row.CostPico, row.GenerationId));
        return (row, bill);
    }

    /// <summary>Leaves a call for JSON, and returns whether the gateway has noticed it before the end of the answer.</summary>
    private async Task<bool> HasOutlivedItsClientAsync(bool isOnHttp2)
    {
        var (team, time) = _fixture.On(isOnHttp2);
        var call = new Call(team, isOnHttp2, streams: false);
        using var response = await LeaveAsync(call, WithChoices);
        using var other = await new Call(team, isOnHttp2, streams: false).SendAsync([]);
        var request = team.Upstream.Requests.Find(call.Id)!;
        request.ReleaseAll();

        await request.WaitForEndAsync();
        Assert.Equal(ReceivedEnd.Complete, request.End);
        var (row, bill) = await SettledRowAsync(team, time, call, response);
        Assert.Equal((0, 0), (row.Questions, bill.Questions));
        var line = await team.Gateway.Log.WaitForAsync(
            line => line.Contains(RequestIdOf(response), StringComparison.Ordinal) && line.Contains("\"End\":", StringComparison.Ordinal),
            "the end of the request");
        return line.Contains("\"End\":\"ClientLeft\"", StringComparison.Ordinal);
    }

    /// <summary>Leaves a call of which the client has the first piece.</summary>
    private static async Task<HttpResponseMessage> LeaveAsync(Call call, params string[] lines)
    {
        var response = await call.BeginAsync(lines);
        using var leaving = new CancellationTokenSource();
        await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await body.ReadExactlyAsync(new byte[1], TestContext.Current.CancellationToken);
        var reading = body.CopyToAsync(Stream.Null, leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        return response;
    }

    private static string RequestIdOf(HttpResponseMessage response) => response.Headers.GetValues("x-request-id").Single();

    /// <summary>The rows of a call, once they are closed.</summary>
    private static async Task<IReadOnlyList<LedgerRow>> ClosedRowsAsync(TeamGateway team, FakeTimeProvider? time, HttpResponseMessage response)
    {
        var id = RequestIdOf(response);
        IReadOnlyList<LedgerRow> rows = [];
        await (time?.AdvanceUntilAsync(TimeSpan.FromMilliseconds(200), IsClosedAsync, "a closed row")
            ?? Eventually.TrueAsync(IsClosedAsync, "a closed row"));
        return rows;

        async Task<bool> IsClosedAsync() =>
            (rows = [.. (await team.RowsAsync()).Where(row => row.RequestId == id)]) is { Count: > 0 } && rows.All(static row => row.IsClosed);
    }

    private static async Task DrainAsync(Stream body)
    {
        try
        {
            await body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        }
        catch (Exception cut) when (cut is IOException or HttpRequestException)
        {
            // A call that does not stream has no other end of a cut.
        }
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private readonly List<(TeamGateway Team, FakeTimeProvider Time)> _gateways = [];
        private FakeOpenRouterServer? _upstreamOnHttp2;

        public async ValueTask InitializeAsync()
        {
            // Bills are asked for after a second, which the tests do not wait for.
            var time = FakeTime.StartNow();
            _gateways.Add((await TeamGateway.StartAsync(new TeamGatewayOptions { Time = time, HasLog = true }), time));

            time = FakeTime.StartNow();
            _upstreamOnHttp2 = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Http2 = true });
            _gateways.Add((
                await TeamGateway.StartAsync(new TeamGatewayOptions
                {
                    Time = time,
                    HasLog = true,
                    Certificate = Certificate,
                    Upstream = _upstreamOnHttp2,
                    KeepsDestinations = true,
                    Sections = [("ReverseProxy", Destinations.Of([_upstreamOnHttp2.BaseUrl], Destinations.OnHttp2))],
                }),
                time));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var (team, _) in _gateways)
            {
                await team.DisposeAsync();
            }

            await (_upstreamOnHttp2?.DisposeAsync() ?? default);
        }

        internal (TeamGateway Team, FakeTimeProvider Time) On(bool isOnHttp2) => _gateways[isOnHttp2 ? 1 : 0];
    }

    /// <summary>The script of an answer, which may differ for an event stream.</summary>
    private sealed record Script(string[] Json, string[] Stream)
    {
        public Script(params string[] both)
            : this(both, both)
        {
        }
    }

    /// <summary>A call of one version of HTTP, for JSON or for an event stream.</summary>
    private sealed class Call(TeamGateway team, bool isOnHttp2, bool streams)
    {
        /// <summary>Its <c>x-fake-id</c>.</summary>
        public string Id { get; } = TeamGateway.NextId();

        /// <summary>Sends the call and reads its answer.</summary>
        public Task<HttpResponseMessage> SendAsync(string[] lines) => BeginAsync(lines, HttpCompletionOption.ResponseContentRead);

        /// <summary>Sends the call, whose answer upstream sends piece by piece, and reads the head of its answer with the first piece.</summary>
        public async Task<HttpResponseMessage> BeginAsync(string[] lines)
        {
            var answering = BeginAsync([.. lines, "x-fake-step: 1"], HttpCompletionOption.ResponseHeadersRead);
            (await team.Upstream.Requests.WaitForAsync(Id)).Release();
            var response = await answering;
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return response;
        }

        private Task<HttpResponseMessage> BeginAsync(string[] lines, HttpCompletionOption until)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Version = isOnHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new StringContent(
                    TeamGateway.Body(streams ? "\"stream\":true" : ""), Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
            };
            request.Headers.Add("x-api-key", TeamSetup.Key);
            foreach (var line in (string[])[.. lines, $"x-fake-id: {Id}"])
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                request.Headers.TryAddWithoutValidation(line[..colon], line[(colon + 1)..].Trim());
            }

            return team.Gateway.Client.SendAsync(request, until, TestContext.Current.CancellationToken);
        }
    }
}
