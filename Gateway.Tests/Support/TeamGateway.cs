using System.Globalization;
using System.Text;
using FakeOpenRouter;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>
/// A gateway with teams in front of a scripted OpenRouter, with a ledger that outlives it: it can be ended, killed and started again.
/// </summary>
internal sealed class TeamGateway : IAsyncDisposable
{
    /// <summary>A model whose price the scripted OpenRouter lists.</summary>
    public const string Model = "openai/gpt-4o-mini";

    // Of all gateways together: several may share an upstream.
    private static int _calls;

    private readonly TeamGatewayOptions _options;
    private bool _isInside;
    private GatewayHost? _gateway;

    private TeamGateway(TeamGatewayOptions options, FakeOpenRouterServer upstream)
    {
        _options = options;
        Upstream = upstream;
        Data.Write("search.key", options.UpstreamKey);
    }

    public GatewayHost Gateway => _gateway ?? throw new InvalidOperationException("It is not running.");

    public FakeOpenRouterServer Upstream { get; }

    /// <summary>The files that outlive a gateway: the ledger, prices, the file with the OpenRouter key.</summary>
    public TempFolder Data { get; } = new();

    public string LedgerPath => Data.File("usage.db");

    public string PricesPath => Data.File("prices.json");

    /// <summary>Starts both, and waits until the gateway knows the prices.</summary>
    public static async Task<TeamGateway> StartAsync(TeamGatewayOptions? options = null)
    {
        options ??= new TeamGatewayOptions();
        var team = new TeamGateway(options, options.Upstream ?? await FakeOpenRouterServer.StartAsync());
        try
        {
            options.PrepareUpstream?.Invoke(team.Upstream);
            if (options.HasStoredPrices)
            {
                await File.WriteAllTextAsync(
                    team.PricesPath, """{ "data": [ { "id": "test/stored", "pricing": { "prompt": "0", "completion": "0" } } ] }""");
            }

            await team.StartGatewayAsync();
            return team;
        }
        catch
        {
            await team.DisposeAsync();
            throw;
        }
    }

    /// <summary>One team with these members, in this process.</summary>
    public static Task<TeamGateway> StartAsync(string team, string limits = "{}") =>
        StartAsync(new TeamGatewayOptions { Team = team, Limits = limits });

    /// <summary>Ends the gateway: by SIGKILL where it is a process.</summary>
    public async Task StopAsync()
    {
        if (_gateway is { } gateway)
        {
            _gateway = null;
            await gateway.DisposeAsync();
        }
    }

    /// <summary>Starts a gateway over the same data.</summary>
    public async Task StartGatewayAsync()
    {
        _gateway = await StartSecondAsync(_options.Time);
        if (_options.WaitsForPrices)
        {
            await Eventually.TrueAsync(() => File.Exists(PricesPath), "prices");
        }
    }

    /// <summary>Starts another gateway over the same data, which the caller ends: the other half of a rolling restart.</summary>
    public Task<GatewayHost> StartSecondAsync(TimeProvider? time = null) => GatewayHost.StartAsync(options =>
    {
        options.Upstream = _options.KeepsDestinations ? null : _options.UpstreamUrl ?? Upstream.BaseUrl;
        options.OutOfProcess = _options.OutOfProcess && !_isInside;
        options.HasLog = _options.HasLog || _isInside;
        options.Time = time;
        options.Certificate = _options.Certificate;
        options.Settings = Settings();
        options.Args([.. _options.Arguments]);
        foreach (var (name, value) in _options.Environment)
        {
            options.Environment[name] = value;
        }
    });

    /// <summary>Ends it and starts it again.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartGatewayAsync();
    }

    /// <summary>Kills the process and starts a gateway with a log inside the test's process.</summary>
    public async Task RestartInsideAsync()
    {
        Assert.NotNull(Gateway.RunningProcess);
        await StopAsync();
        _isInside = true;
        await StartGatewayAsync();
    }

    /// <summary>The settings, with other members for the team or another section <c>Limits</c> if wanted.</summary>
    public string Settings(string? team = null, string? limits = null)
    {
        string[] teams =
        [
            TeamSetup.Team(team ?? _options.Team, keyMore: _options.KeyMore, reference: Reference), .. _options.MoreTeams(Reference),
        ];
        var usage = _options.Usage ?? $$"""{ "Sqlite": { "Path": "{{LedgerPath}}" } {{_options.UsageMore}} }""";
        return ShippedSettings.With([
            .. _options.Sections,
            ("Teams", $"[ {string.Join(", ", teams)} ]"),
            ("Limits", limits ?? _options.Limits),
            ("Usage", usage.TrimEnd()[..^1] + $$""", "PricesPath": "{{PricesPath}}" }"""),
        ]);
    }

    /// <summary>Puts other settings in force.</summary>
    public Task ReloadAsync(string? team = null, string? limits = null) => Gateway.ReloadAsync(Settings(team, limits));

    /// <summary>A name for <c>x-fake-id</c> that no other call has.</summary>
    public static string NextId() => "call-" + Interlocked.Increment(ref _calls).ToString(CultureInfo.InvariantCulture);

    /// <summary>POSTs on a connection of its own with the team's key and reads the answer.</summary>
    public async Task<Exchange> PostAsync(string path, string body, params string[] lines)
    {
        await using var call = await SendAsync(path, body, lines);
        var (head, answer) = await call.Client.ReadAsync();
        return new Exchange(head, answer, Upstream.Requests.Find(call.Id));
    }

    /// <summary>A chat request.</summary>
    public Task<Exchange> ChatAsync(string members = "", params string[] lines) =>
        PostAsync("/v1/chat/completions", Body(members), lines);

    /// <summary>Sends a request and leaves its answer to the caller.</summary>
    public async Task<TeamCall> SendAsync(string path, string body, params string[] lines)
    {
        var id = NextId();
        var client = await Gateway.ConnectAsync();
        await SendAsync(client, id, path, body, lines);
        return new TeamCall(client, id);
    }

    /// <summary>Sends a request on a connection that is there.</summary>
    public static Task SendAsync(RawHttpClient client, string id, string path, string body, params string[] lines)
    {
        string[] key = lines.Any(line => line.StartsWith("x-api-key:", StringComparison.Ordinal)) ? [] : ["x-api-key: " + TeamSetup.Key];
        return client.PostAsync(path, Encoding.UTF8.GetBytes(body), [.. key, .. lines, $"x-fake-id: {id}"]);
    }

    /// <summary>Sends a request for an event stream and waits until the client has the answer's first data.</summary>
    public async Task<TeamCall> OpenStreamAsync(string members = "", params string[] lines)
    {
        var call = await SendAsync("/v1/chat/completions", Body("\"stream\":true" + (members.Length > 0 ? "," + members : "")), lines);
        call.Head = await call.Client.ReadHeadAsync();
        if (call.Head.Status == 200)
        {
            await call.Client.ReadPieceAsync(call.Head, []);
        }

        return call;
    }

    /// <summary>A chat request's body.</summary>
    public static string Body(string members = "")
    {
        var model = members.Contains("del\":", StringComparison.Ordinal) ? "" : $"\"model\":\"{Model}\",";
        return $$"""{ {{model}}{{(members.Length > 0 ? members + "," : "")}}"messages":[] }""";
    }

    /// <summary>Upstream's bill for a call.</summary>
    public BookEntry Bill(Exchange call) => Bill(call.Forwarded.Id!);

    /// <summary>The same by its <c>x-fake-id</c>.</summary>
    public BookEntry Bill(string id) => Upstream.Book.Entries.Single(entry => entry.ScriptId == id);

    /// <summary>The ledger's rows.</summary>
    public Task<IReadOnlyList<LedgerRow>> RowsAsync() => LedgerRow.ReadSqliteAsync(LedgerPath);

    /// <summary>The row of a generation, once it is closed.</summary>
    public Task<LedgerRow> ClosedRowAsync(BookEntry bill) => RowAsync(row => row.GenerationId == bill.Id && row.IsClosed);

    /// <summary>Waits for a row.</summary>
    public Task<LedgerRow> RowAsync(Func<LedgerRow, bool> condition, string what = "a closed row") => Eventually.GetAsync(
        async () => (await RowsAsync()).FirstOrDefault(condition), what);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_options.Upstream is null)
        {
            await Upstream.DisposeAsync();
        }

        Data.Dispose();
    }

    private string Reference => "file:" + Data.File("search.key");
}
