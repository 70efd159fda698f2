using System.Text.Json;
using Gateway.Tests.Clients;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>
/// One Chromium, one gateway with teams that has served a few calls, and one without teams that asks for a token: for all tests of the
/// dashboard.
/// </summary>
public sealed class DashboardBrowser : IAsyncLifetime
{
    /// <summary>The token of the gateway without teams.</summary>
    internal const string Token = "adm-9c1d77aa";

    /// <summary>A model's name that would run as a script if it became markup.</summary>
    internal const string HostileModel = "x/<img src=x onerror=window.hit=1>";

    /// <summary>How many calls the gateway with teams has served.</summary>
    internal const int Calls = 9;

    private const string ShopKey = "ogw-test-key-of-shop";

    private TeamGateway? _team;
    private GatewayHost? _closed;
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private Uri? _address;

    /// <summary>The gateway with teams.</summary>
    internal TeamGateway Team => _team!;

    /// <summary>The admin address of the gateway without teams.</summary>
    internal Uri Closed { get; private set; } = null!;

    internal HttpClient Admin { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        if (Chromium.Missing is not null)
        {
            return;
        }

        _team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "DeniedModels": [ "denied/*" ], "Limits": { "RequestsPerMinute": 1000 }, "Budget": { "Usd": 1, "Period": "Day" } """,
            KeyMore = """ , "Label": "ci<b>", "Budget": { "Usd": 0.5, "Period": "Week" } """,
            MoreTeams = static reference =>
            [
                TeamSetup.Team(
                    "",
                    "shop",
                    ShopKey,
                    """
                    , "Label": "web" },
                    { "Label": "batch", "Sha256": "0000000000000000000000000000000000000000000000000000000000000001", "AllowedModels": [ "mistralai/*" ] },
                    { "Label": "old", "Sha256": "0000000000000000000000000000000000000000000000000000000000000002", "Expires": "2020-01-01T00:00:00Z"
                    """,
                    reference),
            ],
            Sections =
            [
                ("Admin", """{ "Url": "http://127.0.0.1:0" }"""),
                ("ProviderMapping", """{ "Rules": [ { "Name": "eu", "Model": [ "openai/*", "mistralai/*" ], "Provider": { "order": [ "azure" ] } } ] }"""),
            ],
        });
        Admin = await _team.Gateway.AdminClientAsync();
        _address = Admin.BaseAddress;
        await CallAsync();

        _closed = await GatewayHost.StartAsync(static options => options.Settings = ShippedSettings.With(
            ("Admin", $$"""{ "Url": "http://127.0.0.1:0", "Token": "{{Token}}" }""")));
        using var closed = await _closed.AdminClientAsync();
        Closed = closed.BaseAddress!;

        Assertions.SetDefaultExpectTimeout((float)HangGuard.Limit.TotalMilliseconds);
        _playwright = await Playwright.CreateAsync();

        // The browser's sandbox does not work for root, as which containers run.
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Chromium.Program,
            Args = ["--no-sandbox", "--no-proxy-server"],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
        Admin?.Dispose();
        if (_closed is not null)
        {
            await _closed.DisposeAsync();
        }

        if (_team is not null)
        {
            await _team.DisposeAsync();
        }
    }

    /// <summary>Opens the dashboard in a window of its own; skips the test where there is no browser.</summary>
    /// <param name="hash">The text behind the <c>#</c> of the address.</param>
    /// <param name="options">How the window differs from a light one of 1440 by 900.</param>
    /// <param name="sample">Answers in place of the gateway.</param>
    /// <param name="address">Another admin address.</param>
    /// <param name="isPatient">Whether the page waits for a gateway without a limit.</param>
    internal Task<DashboardVisit> OpenAsync(
        string hash = "", BrowserNewContextOptions? options = null, DashboardSample? sample = null, Uri? address = null, bool isPatient = false)
    {
        SkipWithoutBrowser();
        return DashboardVisit.OpenAsync(_browser!, address ?? _address!, hash, options ?? new BrowserNewContextOptions(), sample, isPatient);
    }

    /// <summary>The latest requests, as the admin address has them; skips the test where there is no browser.</summary>
    internal async Task<IReadOnlyList<JsonElement>> RequestsAsync()
    {
        SkipWithoutBrowser();
        using var document = JsonDocument.Parse(await Admin.GetStringAsync("/admin/requests", TestContext.Current.CancellationToken));
        return [.. document.RootElement.Clone().GetProperty("requests").EnumerateArray()];
    }

    internal static void SkipWithoutBrowser() => Assert.SkipWhen(Chromium.Missing is not null, Chromium.Missing ?? "");

    private async Task CallAsync()
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await _team!.ChatAsync("\"max_tokens\":10")).Status);
            Assert.Equal(200, (await _team.ChatAsync("\"max_tokens\":10,\"stream\":true")).Status);
        }

        Assert.Equal(403, (await _team!.PostAsync("/v1/chat/completions", """{"model":"denied/model","messages":[]}""")).Status);
        Assert.Equal(429, (await _team.ChatAsync("\"max_tokens\":10", "x-fake-status: 429")).Status);
        var hostile = JsonEncodedText.Encode(HostileModel);
        await _team.PostAsync("/v1/chat/completions", $$"""{"model":"{{hostile}}","messages":[]}""", "x-api-key: " + ShopKey);
        await Eventually.TrueAsync(
            async () => await RequestsAsync() is { Count: Calls } requests
                && requests.Where(static request => request.TryGetProperty("state", out _)).All(static request => request.GetProperty("state").GetString() == "settled"),
            "all calls among the latest requests, with their bills");
    }
}

/// <summary>The tests of the dashboard, which share a browser and run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class DashboardTestGroup : ICollectionFixture<DashboardBrowser>
{
    public const string Name = "dashboard";
}
