using System.Text.Json;
using Gateway.Authentication;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Requests;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Tests.Gateway.Authentication;

public sealed class TeamMiddlewareTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Ownership _ownership = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("?id=gen-1", 200)]
    [InlineData("?ID=gen-1", 200)]
    [InlineData("?id=gen%2D1", 200)]
    [InlineData("?id=gen-2", 404)]
    [InlineData("", 404)]
    [InlineData("?id=", 404)]
    [InlineData("?id", 404)]
    [InlineData("?id=gen-1&id=gen-2", 404)]
    [InlineData("?id=gen-2&id=gen-1", 404)]
    [InlineData("?id=gen-1&ID=gen-2", 404)]
    [InlineData("?id=gen-1&%69d=gen-2", 404)]
    [InlineData("?id=gen-1&id[]=gen-2", 404)]
    [InlineData("?id=gen-1&x=1", 404)]
    [InlineData("?id[]=gen-1", 404)]
    [InlineData("?id=gen-1;id=gen-2", 404)]
    [InlineData("?id=gen-1%26id=gen-2", 404)]
    [InlineData("?id=gen-1%00", 404)]
    [InlineData("?id=gen-1,gen-2", 404)]
    public async Task Generation_AnswersForOneIdOfTheTeamsOwn(string query, int status)
    {
        Assert.Equal(status, (await CallAsync("GET", "/generation", query)).Status);
        Assert.All(_ownership.Asked, asked => Assert.Equal("a", asked.Team));
    }

    [Theory]
    [InlineData("/videos/gen-1", 200)]
    [InlineData("/Videos/gen-1/content/", 200)]
    [InlineData("/videos/gen-2", 404)]
    [InlineData("/videos/GEN-1", 404)]
    [InlineData("/videos/models/content", 404)]
    public async Task Video_AnswersForTheTeamsOwn(string path, int status) =>
        Assert.Equal(status, (await CallAsync("GET", path)).Status);

    [Fact]
    public async Task QuestionBeyondTheLimit_IsNotPutToTheLedger()
    {
        const string Limits = """ "Limits": { "RequestsPerMinute": 2 }, """;
        var store = new MemoryLimitStore(_time);
        Assert.Equal(404, (await AskAsync("?id=gen-2")).Status);
        Assert.Equal(404, (await AskAsync("?id=gen-1&id=gen-2")).Status);

        var (status, gateway) = await AskAsync("?id=gen-1");

        Assert.Equal((429, LimitKind.Requests), (status, gateway.Admission.Limits!.RefusedBy));
        Assert.Equal([("a", "gen-2")], _ownership.Asked);

        Task<(int Status, GatewayContext Gateway)> AskAsync(string query) =>
            CallAsync("GET", "/generation", query, members: Limits, store: store);
    }

    [Fact]
    public async Task QuestionThatFails_EndsItsLease()
    {
        const string Limits = """ "Limits": { "ConcurrentRequests": 1 }, """;
        var store = new MemoryLimitStore(_time);
        _ownership.Fault = new LedgerException("gone");
        await Assert.ThrowsAsync<LedgerException>(() => CallAsync("GET", "/generation", "?id=gen-1", members: Limits, store: store));
        _ownership.Fault = null;

        Assert.Equal(200, (await CallAsync("GET", "/generation", "?id=gen-1", members: Limits, store: store)).Status);
    }

    [Fact]
    public async Task Key_EndsWhenItsTimeComes()
    {
        Assert.Equal(200, (await CallAsync("POST", "/chat/completions")).Status);

        _time.Advance(TimeSpan.FromHours(1) - TimeSpan.FromTicks(1));
        Assert.Equal(200, (await CallAsync("POST", "/chat/completions")).Status);

        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(401, (await CallAsync("POST", "/chat/completions")).Status);
    }

    [Fact]
    public async Task Call_IsKnownByTeamKeyAndEndpoint()
    {
        var (_, gateway) = await CallAsync("POST", "/Chat/Completions/");

        Assert.Equal("a", gateway.Team!.Id);
        Assert.Equal("key-1", gateway.Caller.Identity!.Key.Label);
        Assert.Equal(("/chat/completions", true), (gateway.Caller.Endpoint!.Path, gateway.Caller.IsMetered));
        Assert.Equal("/Chat/Completions/", gateway.Caller.UpstreamPath.Value);
        Assert.False((await CallAsync("GET", "/models")).Gateway.Caller.IsMetered);
    }

    [Fact]
    public async Task ClosedCall_HasNoEndpoint() => Assert.Null((await CallAsync("GET", "/keys")).Gateway.Caller.Endpoint);

    [Fact]
    public async Task ExtendedConnect_IsClosed()
    {
        Assert.Equal(403, (await CallAsync("CONNECT", "/chat/completions", prepare: Connect)).Status);
        Assert.Equal(403, (await CallAsync("GET", "/models", prepare: Connect)).Status);

        static void Connect(HttpContext context) => context.Features.Set<IHttpExtendedConnectFeature>(new ExtendedConnect());
    }

    private async Task<(int Status, GatewayContext Gateway)> CallAsync(
        string method, string path, string query = "", Action<HttpContext>? prepare = null, string members = "", ILimitStore? store = null)
    {
        _folder.Variables["KEY"] = "sk-or-v1-x";
        _folder.Write("appsettings.json", SettingsFolder.Json($$"""
            "Teams": [ { "Id": "a", "OpenRouterKey": "env:KEY", {{members}}
              "Keys": [ { "Sha256": "{{Convert.ToHexString(GatewayKeys.Hash("ogw-a"))}}", "Expires": "2026-01-01T01:00:00Z" } ] } ]
            """));
        using var settings = new SettingsStore(await _folder.LoadGoodAsync(), _time, new ListLogger<SettingsStore>());
        var route = new RouteModel(new RouteConfig { RouteId = "r", Match = new RouteMatch() }, null, HttpTransformer.Empty);
        var context = new DefaultHttpContext();
        var gateway = new GatewayContext { StartedAt = 0 };
        context.Features.Set(gateway);
        context.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature { Route = route });
        context.Request.Method = method;
        context.Request.Path = path;
        context.Request.QueryString = new QueryString(query);
        context.Request.Headers.Authorization = "Bearer ogw-a";
        using var body = new MemoryStream();
        context.Response.Body = body;
        prepare?.Invoke(context);
        var wasNext = false;
        var limits = new LimitGate(store ?? new MemoryLimitStore(_time), new ListLogger<LimitGate>());
        await new TeamMiddleware(Next, settings, _time, _ownership, limits, NullLogger<TeamMiddleware>.Instance).InvokeAsync(context);

        Assert.Equal(context.Response.StatusCode == 200, wasNext);
        if (!wasNext)
        {
            using var error = JsonDocument.Parse(body.ToArray());
            Assert.NotEmpty(error.RootElement.GetProperty("error").GetProperty("code").GetString()!);
        }

        return (context.Response.StatusCode, gateway);

        Task Next(HttpContext _)
        {
            wasNext = true;
            return Task.CompletedTask;
        }
    }

    private sealed class Ownership : IGenerationOwnership
    {
        public List<(string Team, string Id)> Asked { get; } = [];

        public LedgerException? Fault { get; set; }

        public async ValueTask<bool> OwnsAsync(string team, string id)
        {
            Asked.Add((team, id));
            await Task.Yield();
            return Fault is null ? id == "gen-1" : throw Fault;
        }
    }

    private sealed class ExtendedConnect : IHttpExtendedConnectFeature
    {
        public bool IsExtendedConnect => true;

        public string? Protocol => "websocket";

        public ValueTask<Stream> AcceptAsync() => throw new NotSupportedException();
    }
}
