using System.Text.Json;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Npgsql;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: many nodes hold one limit, one budget and one ledger, and none of them waits long for a store that is gone.</summary>
public sealed class RedisAndPostgresTests
{
    private const string Dollar = "\"model\":\"test/dollar\"";
    private const string Budget = """ "Budget": { "Usd": 3, "Period": "Total" } """;

    private readonly SharedRedis _redis;
    private readonly PostgresServer _postgres;

    public RedisAndPostgresTests(SharedRedis redis, PostgresServer postgres)
    {
        _redis = redis;
        _postgres = postgres;
    }

    [Fact]
    public async Task SixtyAtTheEdge_OnTwoNodes_ExactlyTenPass()
    {
        await using var upstream = await StartUpstreamAsync();
        var limits = await SharedLimitsAsync();
        var usage = await SharedUsageAsync();
        const string Ten = """ "Budget": { "Usd": 10 } """;
        await using var one = await StartAsync(upstream, Ten, limits, usage);
        await using var two = await StartAsync(upstream, Ten, limits, usage);
        await HasBudgetAsync(one);
        await HasBudgetAsync(two);

        var calls = await Task.WhenAll(Enumerable.Range(0, 60).Select(
            i => (i % 2 == 0 ? one : two).OpenStreamAsync(Dollar, "x-fake-stall-after: 1")));

        Assert.Equal(10, calls.Count(call => call.Head!.Status == 200));
        Assert.Equal(50, calls.Count(call => call.Head!.Status == 429));
        Assert.Equal(10, upstream.Book.Entries.Count);
        foreach (var call in calls)
        {
            await call.DisposeAsync();
        }
    }

    [Fact]
    public async Task RequestsAMinute_AreSharedByTheNodes()
    {
        await using var upstream = await StartUpstreamAsync();
        var limits = await SharedLimitsAsync();
        const string One = """ "Limits": { "RequestsPerMinute": 1, "ConcurrentRequests": 1000 } """;
        await using var one = await StartAsync(upstream, One, limits);
        await using var two = await StartAsync(upstream, One, limits);

        var calls = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => (i % 2 == 0 ? one : two).ChatAsync()));

        // Redis' clock runs: another one would pass a minute later.
        Assert.Single(calls, call => call.Status == 200);
        Assert.All(calls, call => Assert.True(call.Status is 200 or 429, $"{call.Status}"));
        Assert.Equal("1", calls[0].Head.Header("x-ratelimit-limit-requests"));
    }

    [Fact]
    public async Task RowsOfAKilledNode_AreSettledByTheOther()
    {
        await using var upstream = await StartUpstreamAsync();
        var usage = await SharedUsageAsync();
        var connection = usage.Connection;
        await using var dying = await StartAsync(upstream, "", "{}", usage, outOfProcess: true);
        await using var living = await StartAsync(upstream, "", "{}", usage);
        await using var stream = await dying.OpenStreamAsync("", "x-fake-events: 100", "x-fake-stall-after: 9");
        await using var silent = await dying.SendAsync("/v1/chat/completions", TeamGateway.Body(), "x-fake-delay-ms: 600000");
        await upstream.Requests.WaitForAsync(request => request.Id == stream.Id && request.EventsWritten == 9);
        await upstream.Requests.WaitForAsync(request => request.Id == silent.Id && request.BodyComplete);

        await dying.StopAsync();

        var rows = await Eventually.GetAsync(
            async () => await LedgerRow.ReadPostgresAsync(connection) is var rows && rows.Count == 2 && rows.All(row => row.IsClosed)
                ? rows : null,
            "two closed rows");
        var bill = upstream.Book.Entries.Single(entry => entry.Streams);
        var named = rows.Single(row => row.GenerationId is not null);
        var nameless = rows.Single(row => row.GenerationId is null);
        Assert.Equal(GenerationState.Settled, named.State);
        Assert.Equal((long)bill.Cost, named.CostPico);
        Assert.Equal(GenerationState.Unresolvable, nameless.State);
        Assert.True(nameless.Charge > 0);
        Assert.Equal(200, (await living.ChatAsync()).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RedisGone_LimitsPassAndBudgetsRefuse_WithoutWaiting(bool isSuspended)
    {
        await using var redis = await RedisServer.StartNewAsync();
        await using var upstream = await StartUpstreamAsync();
        await using var team = await StartAsync(
            upstream,
            Budget,
            $$"""{ "Store": "Redis", "Redis": { "Configuration": "{{redis.Configuration}}" } }""",
            more: reference => [TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1000 } """, "free", "ogw-free", reference: reference)]);
        await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a Redis that is connected");
        await (isSuspended ? redis.SuspendAsync() : redis.KillAsync());

        // A Redis that is stopped in its tracks never answers: that a call is answered at all shows that it does not wait for it.
        for (var i = 0; i < 20; i++)
        {
            var refused = await team.ChatAsync();
            refused.IsRefused(503);
            Assert.Equal("budget_unavailable", refused.Json.GetProperty("error").GetProperty("code").GetString());
            Assert.Null(refused.Upstream);

            var free = await team.ChatAsync("", "x-api-key: ogw-free");
            Assert.Equal(200, free.Status);
        }

        await (isSuspended ? redis.ResumeAsync() : redis.StartAsync());
        await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a Redis that counts again");
    }

    [Fact]
    public async Task RedisThatRejectsThePassword_IsNamedToTheOperator()
    {
        const string Reason = "Redis rejects the user name or the password";
        await using var redis = await RedisServer.StartNewAsync();
        Assert.Equal("+OK", await redis.SendAsync("CONFIG SET requirepass right-one"));
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = Budget,
            Limits = $$"""{ "Store": "Redis", "Redis": { "Configuration": "{{redis.Configuration}},password=wrong-one" } }""",
            HasLog = true,
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        });
        using var admin = await team.Gateway.AdminClientAsync();

        await Eventually.TrueAsync(
            async () =>
            {
                var refused = await team.ChatAsync();
                refused.IsRefused(503);
                Assert.Equal("budget_unavailable", refused.Json.GetProperty("error").GetProperty("code").GetString());
                using var health = JsonDocument.Parse(await admin.GetStringAsync("/admin/health", TestContext.Current.CancellationToken));
                return health.RootElement.GetProperty("limit_store_fault").GetString()?.StartsWith(Reason, StringComparison.Ordinal) == true;
            },
            "the reason in /admin/health");
        await team.Gateway.Log.WaitForAsync(static line => line.Contains(Reason, StringComparison.Ordinal), "the reason");
        Assert.DoesNotContain("wrong-one", team.Gateway.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatIsSpentWhileRedisIsGone_CountsOnceItIsBack(bool isSuspended)
    {
        await using var redis = await RedisServer.StartNewAsync();
        await using var upstream = await StartUpstreamAsync();
        await using var team = await StartAsync(
            upstream,
            Budget,
            $$"""
            { "Store": "Redis", "Redis": { "Configuration": "{{redis.Configuration}}", "Timeout": "00:00:08" },
              "WhenStoreFails": { "Limits": "Allow", "Budgets": "Allow" } }
            """);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        await (isSuspended ? redis.SuspendAsync() : redis.KillAsync());
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        await (isSuspended ? redis.ResumeAsync() : redis.StartAsync());

        // Two of three dollars are spent; one more fits, another does not.
        await Eventually.TrueAsync(
            async () => (await team.RowsAsync()).All(row => row.IsCounted), "a budget that knows of both");
        await HasBudgetAsync(team);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        (await team.ChatAsync(Dollar)).IsRefused(402);
    }

    [Fact]
    public async Task PostgresGone_GoesByThePolicyAndLosesNothing()
    {
        await using var postgres = new PostgresServer();
        var connection = await postgres.CreateDatabaseAsync();
        await using var upstream = await StartUpstreamAsync();
        await using var refusing = await StartAsync(upstream, "", "{}", UsageOf(connection));
        await using var allowing = await StartAsync(upstream, "", "{}", UsageOf(connection, ", \"WhenStoreFails\": \"Allow\""));
        Assert.Equal(200, (await refusing.ChatAsync()).Status);
        Assert.Equal(200, (await allowing.ChatAsync()).Status);
        await using var open = await OpenSteppedAsync(allowing);
        var request = upstream.Requests.Find(open.Id)!;
        await postgres.StopAsync();

        for (var i = 0; i < 5; i++)
        {
            var refused = await refusing.ChatAsync();
            refused.IsRefused(503);
            Assert.Equal("usage_unavailable", refused.Json.GetProperty("error").GetProperty("code").GetString());
            Assert.Null(refused.Upstream);
            Assert.Equal(200, (await allowing.ChatAsync()).Status);
        }

        request.ReleaseAll();
        await open.Client.ReadBodyAsync(open.Head!);

        await postgres.StartAsync();
        await Eventually.TrueAsync(async () => (await refusing.ChatAsync()).Status == 200, "a ledger that is back");
        var rows = await Eventually.GetAsync(
            async () => await LedgerRow.ReadPostgresAsync(connection) is var rows && rows.Count == upstream.Book.Entries.Count
                && rows.All(row => row.IsClosed) ? rows : null,
            "every row");
        Assert.Equal(upstream.Book.Total, rows.Sum(row => row.Charge));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PostgresGoneAtTheStart_BudgetsRefuse_AndACallOpensIt(bool isShared)
    {
        await using var postgres = new PostgresServer();
        var connection = await postgres.CreateDatabaseAsync();
        await postgres.StopAsync();
        await using var upstream = await StartUpstreamAsync();
        await using var team = await StartAsync(upstream, Budget, isShared ? await SharedLimitsAsync() : "{}", UsageOf(connection));

        for (var i = 0; i < 3; i++)
        {
            var refused = await team.ChatAsync();
            refused.IsRefused(503);
            Assert.Equal("budget_unavailable", refused.Json.GetProperty("error").GetProperty("code").GetString());
        }

        await postgres.StartAsync();
        await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a ledger that is open");
    }

    /// <summary>With a call that has ended, and one in flight, whose reservation is open.</summary>
    [Fact]
    public async Task RedisAndPostgres_HaveNoKeyNoPromptAndNoAnswer()
    {
        const string Prompt = """{"model":"test/dollar","user":"CANARY","messages":[{"role":"user","content":"CANARY-prompt"}]""";
        const string Answer =
            """x-fake-body: {"id":"gen-1767225600-11111111","model":"m","choices":[{"message":{"content":"CANARY-answer"}}],"usage":{"cost":1}}""";
        var (usage, connection) = await SharedUsageAsync();
        var (server, prefix) = (await _redis.GetAsync(), _redis.NewPrefix());
        await using var upstream = await StartUpstreamAsync();
        await using var team = await StartAsync(
            upstream,
            Budget + """, "Limits": { "RequestsPerMinute": 1000, "TokensPerMinute": 1000000, "ConcurrentRequests": 5 } """,
            $$"""{ "Store": "Redis", "Redis": { "Configuration": "{{server.PatientConfiguration}}", "KeyPrefix": "{{prefix}}", "Timeout": "00:00:30" } }""",
            (usage, connection));
        await HasBudgetAsync(team);
        Assert.Equal(200, (await team.PostAsync("/v1/chat/completions", Prompt + "}", Answer)).Status);
        await Eventually.TrueAsync(
            async () => (await LedgerRow.ReadPostgresAsync(connection)).Any(static row => row.State == GenerationState.Settled), "the call's row");
        await using var open = await team.SendAsync("/v1/chat/completions", Prompt + ",\"stream\":true}", "x-fake-stall-after: 2");
        Assert.Equal(200, (await open.Client.ReadHeadAsync()).Status);

        var (keys, rows) = (await RedisTextAsync(server, prefix), await PostgresTextAsync(connection));

        Assert.All((string[])[keys, rows], static text =>
        {
            Assert.Contains("search", text, StringComparison.Ordinal);
            Assert.All(
                (string[])["CANARY", TeamSetup.Key, TeamSetup.UpstreamKey],
                secret => Assert.DoesNotContain(secret, text, StringComparison.OrdinalIgnoreCase));
        });
    }

    /// <summary>All keys with a prefix, and their values.</summary>
    private static async Task<string> RedisTextAsync(RedisServer server, string prefix)
    {
        const string Script =
            """
            local all = {}
            for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
              local kind = redis.call('TYPE', key).ok
              local value = kind == 'hash' and redis.call('HGETALL', key) or kind == 'zset' and redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
                or kind == 'set' and redis.call('SMEMBERS', key) or kind == 'list' and redis.call('LRANGE', key, 0, -1) or { redis.call('GET', key) }
              all[#all + 1] = key .. ' ' .. table.concat(value, ' ')
            end
            return table.concat(all, '\n')
            """;
        await using var connection = await ConnectionMultiplexer.ConnectAsync(server.PatientConfiguration);
        return ((string?)await connection.GetDatabase().ScriptEvaluateAsync(Script, values: [prefix]))!;
    }

    /// <summary>All rows of all tables.</summary>
    private static async Task<string> PostgresTextAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        var tables = await ReadAsync("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'");
        Assert.Contains("generations", tables);
        return string.Join('\n', await ReadAsync(string.Join(" UNION ALL ", tables.Select(static table => $"SELECT t::text FROM {table} t"))));

        async Task<List<string>> ReadAsync(string query)
        {
            await using var command = new NpgsqlCommand(query, connection);
            await using var reader = await command.ExecuteReaderAsync();
            var texts = new List<string>();
            while (await reader.ReadAsync())
            {
                texts.Add(reader.GetString(0));
            }

            return texts;
        }
    }

    /// <summary>A stream of which the client has the first piece, and upstream keeps the rest.</summary>
    private static async Task<TeamCall> OpenSteppedAsync(TeamGateway team)
    {
        var call = await team.SendAsync("/v1/chat/completions", TeamGateway.Body("\"stream\":true"), "x-fake-step: 1");
        (await team.Upstream.Requests.WaitForAsync(call.Id)).Release();
        call.Head = await call.Client.ReadHeadAsync();
        await call.Client.ReadPieceAsync(call.Head, []);
        return call;
    }

    private static async Task<FakeOpenRouterServer> StartUpstreamAsync()
    {
        var upstream = await FakeOpenRouterServer.StartAsync();
        upstream.Prices.Set("test/dollar", "0", "0", "1");
        return upstream;
    }

    private static Task<TeamGateway> StartAsync(
        FakeOpenRouterServer upstream,
        string team,
        string limits,
        (string Json, string Connection)? usage = null,
        bool outOfProcess = false,
        Func<string, IEnumerable<string>>? more = null) => TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Upstream = upstream,
            Team = team,
            Limits = limits,
            Usage = usage?.Json,
            OutOfProcess = outOfProcess,
            MoreTeams = more ?? (static _ => []),
        });

    /// <summary>Waits until the budget's counter is read from the ledger, which a call does within five seconds only.</summary>
    private static Task HasBudgetAsync(TeamGateway team) => Eventually.TrueAsync(
        async () =>
        {
            await using var client = await team.Gateway.ConnectAsync();
            await client.GetAsync("/v1/key", "x-api-key: " + TeamSetup.Key);
            return (await client.ReadAsync()).Head.Status == 200;
        },
        "the budget's counter");

    private static (string Json, string Connection) UsageOf(string connection, string more = "") =>
        ($$"""{ "Store": "Postgres", "Postgres": { "ConnectionString": "{{connection}}" } {{more}} }""", connection);

    private async Task<(string Json, string Connection)> SharedUsageAsync() => UsageOf(await _postgres.CreateDatabaseAsync());

    private async Task<string> SharedLimitsAsync()
    {
        var server = await _redis.GetAsync();
        return $$"""
            { "Store": "Redis",
              "Redis": { "Configuration": "{{server.PatientConfiguration}}", "KeyPrefix": "{{_redis.NewPrefix()}}", "Timeout": "00:00:30" } }
            """;
    }
}
