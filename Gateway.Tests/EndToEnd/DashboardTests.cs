using System.Globalization;
using System.Text.Json;
using Gateway.Tests.Support;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the page at the admin address shows the work of the gateway in a real browser: traffic, errors, cost, budgets, single requests,
/// rules and explanations. It asks no other host, and no name from a client becomes markup.
/// </summary>
[Collection(DashboardTestGroup.Name)]
public sealed class DashboardTests(DashboardBrowser browser)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Overview_AddsUpTheRequests()
    {
        await using var visit = await browser.OpenAsync();
        var requests = await browser.RequestsAsync();
        var cost = requests.Sum(static request => request.TryGetProperty("cost_usd", out var one) ? one.GetDecimal() : 0);

        Assert.Equal(DashboardBrowser.Calls.ToString(CultureInfo.InvariantCulture), await TileAsync(visit, "Requests"));
        Assert.InRange(decimal.Parse((await TileAsync(visit, "Cost"))[1..], CultureInfo.InvariantCulture), cost * 0.99m, cost * 1.01m);
        await visit.Expect("#panel-errors").ToContainTextAsync("model_not_allowed");
        await visit.Expect("#panel-errors").ToContainTextAsync("HTTP 429 from upstream");
        await visit.Expect("#panel-traffic .legend li").ToHaveCountAsync(4);
        await visit.Expect("#panel-traffic svg rect.f-answered").Not.ToHaveCountAsync(0);
        await visit.Expect("#panel-cost .ranks li:first-child").ToContainTextAsync("search");
        await visit.Expect("#panel-budgets").ToContainTextAsync("$1.00 a day");
        await visit.Expect("#panel-budgets").ToContainTextAsync("search / ci<b>");

        // Values begin at zero.
        Assert.Equal("$0", await visit.Page.Locator("#panel-cost svg text").First.TextContentAsync());
        Assert.Equal("0", await visit.Page.Locator("#panel-traffic svg text").First.TextContentAsync());
    }

    [Fact]
    public async Task Days_AreThoseOfTheLedger()
    {
        await using var visit = await browser.OpenAsync("range=7d&by=model");
        using var usage = JsonDocument.Parse(await browser.Admin.GetStringAsync("/admin/usage?group=model&last=7d", Stop));
        var calls = usage.RootElement.GetProperty("rows").EnumerateArray().Sum(static row => row.GetProperty("requests").GetInt32());

        await visit.Expect("#panel-cost .ranks").ToContainTextAsync(TeamGateway.Model);
        Assert.NotEqual(0, calls);
        Assert.Equal(calls.ToString(CultureInfo.InvariantCulture), await TileAsync(visit, "Requests"));
        await visit.Expect("#panel-latency").ToContainTextAsync("Choose 24 h or less");

        await visit.Page.Locator("#range input[value=\"30d\"]").CheckAsync();
        await visit.Expect("#panel-traffic svg text").Not.ToHaveCountAsync(0);
        await visit.Page.Locator("#by input[value=provider]").CheckAsync();
        await visit.Expect("#panel-cost .ranks").ToContainTextAsync("azure");
    }

    [Fact]
    public async Task Error_LeadsToItsRequests_AndARequestToItsAnswer()
    {
        await using var visit = await browser.OpenAsync();
        await visit.Page.Locator("#panel-errors button", new PageLocatorOptions { HasTextString = "model_not_allowed" }).ClickAsync();

        await visit.Expect("#count").ToContainTextAsync($"1 of {DashboardBrowser.Calls} requests");
        await visit.Page.Locator("#requests-sizer .row").ClickAsync();
        await visit.Expect("#drawer").ToContainTextAsync("403 · model_not_allowed · Refused by the gateway");
        await visit.Expect("#drawer").ToContainTextAsync("denied/model");

        await visit.Page.Locator("#drawer button", new PageLocatorOptions { HasTextString = "Explain this model now" }).ClickAsync();
        await visit.Expect("#x-team").ToHaveValueAsync("search");
        await visit.Expect("#x-key").ToHaveValueAsync("ci<b>");
        await visit.Page.Locator("#x-go").ClickAsync();
        await visit.Expect("#explained .verdict").ToContainTextAsync("Refused with 403 model_not_allowed");
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task KeyOfATeam_IsChosenByKeyboard_OnADeskAndOnAPhone(int width)
    {
        await using var visit = await browser.OpenAsync(
            "view=explain", new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 844 } });
        var keyboard = visit.Page.Keyboard;
        await visit.Expect("#x-key").ToBeHiddenAsync();
        await visit.Page.Locator("#x-model").FillAsync(TeamGateway.Model);
        await visit.Page.Locator("#x-team").FocusAsync();
        await keyboard.PressAsync("ArrowDown");
        await keyboard.PressAsync("ArrowDown");
        await visit.Expect("#x-team").ToHaveValueAsync("shop");
        await keyboard.PressAsync("Tab");
        await visit.Expect("#x-key").ToBeFocusedAsync();
        await visit.Expect("#x-key").ToHaveValueAsync("");
        await ExplainAsync("Allowed for the team");

        await visit.Page.Locator("#x-key").FocusAsync();
        await keyboard.PressAsync("ArrowDown");
        await ExplainAsync("Allowed with the key web");
        await visit.Page.Locator("#x-key").FocusAsync();
        await keyboard.PressAsync("ArrowDown");
        await ExplainAsync("Refused with 403 model_not_allowed");

        // The choice outlives a refresh.
        await visit.RefreshAsync();
        await visit.Expect("#x-key").ToHaveValueAsync("batch");
        await visit.Page.Locator("#x-key").SelectOptionAsync("old");
        await visit.Expect("#x-key option:checked").ToHaveTextAsync("old (expired)");
        await ExplainAsync("Refused with 401 invalid_api_key");

        // A team's only key is chosen; without a team there is none.
        await visit.Page.Locator("#x-team").SelectOptionAsync("search");
        await visit.Expect("#x-key").ToHaveValueAsync("ci<b>");
        await visit.Expect("#x-key option").ToHaveCountAsync(1);
        await ExplainAsync("Allowed with the key ci<b>");
        Assert.Equal(width, await visit.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        await visit.Page.Locator("#x-team").SelectOptionAsync("");
        await visit.Expect("#x-key").ToBeHiddenAsync();
        await ExplainAsync("Rules applied");

        async Task ExplainAsync(string verdict)
        {
            await visit.Page.Locator("#x-model").PressAsync("Enter");
            await visit.Expect("#explained .verdict").ToContainTextAsync(verdict);
        }
    }

    [Fact]
    public async Task Explain_ShowsTheChangesOfABody()
    {
        await using var visit = await browser.OpenAsync("view=explain");
        await visit.Page.Locator("#x-team").SelectOptionAsync("search");
        await visit.Page.Locator("#x-body").FillAsync($$"""{"model":"{{TeamGateway.Model}}","seed":1e2,"messages":[]}""");
        await visit.Page.Locator("#x-go").ClickAsync();

        await visit.Expect("#explained .verdict").ToContainTextAsync("Allowed");
        await visit.Expect("#explained .added").Not.ToHaveCountAsync(0);
        await visit.Expect("#explained pre").ToContainTextAsync("\"seed\": 1e2");
        await visit.Expect("#explained .facts").ToContainTextAsync("Would be reserved");

        await visit.Page.Locator("#x-body").FillAsync("{");
        await visit.Page.Locator("#x-go").ClickAsync();
        await visit.Expect("#explained .verdict").ToContainTextAsync("The body is not JSON");
    }

    [Fact]
    public async Task Request_IsFoundByEitherId_AndByALink()
    {
        var request = (await browser.RequestsAsync()).First(static one => one.TryGetProperty("generation_id", out _));
        var (id, generation) = (request.GetProperty("request_id").GetString()!, request.GetProperty("generation_id").GetString()!);

        await using var visit = await browser.OpenAsync($"view=requests&id={generation}");
        await visit.Expect("#drawer").ToContainTextAsync(id);
        await visit.Page.Locator("#drawer-close").ClickAsync();

        await visit.Page.Locator("#q").FillAsync(id);
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.Expect("#drawer").ToContainTextAsync(generation);
        await visit.Expect("#drawer .phases").ToBeVisibleAsync();
        Assert.Contains($"id={id}", visit.Page.Url, StringComparison.Ordinal);
        await visit.Page.Keyboard.PressAsync("Escape");

        // The console tells of the 404.
        visit.MayFail = true;
        await visit.Page.Locator("#q").FillAsync("gen-nothing");
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.Expect("#drawer").ToContainTextAsync("Not found");
    }

    [Fact]
    public async Task Filters_LeaveWhatTheyName()
    {
        await using var visit = await browser.OpenAsync("view=requests");
        await visit.Page.Locator("#f-outcome").SelectOptionAsync("upstream");
        await visit.Expect("#count").ToContainTextAsync($"1 of {DashboardBrowser.Calls}");
        await visit.Expect("#requests-sizer .row .chip").ToHaveTextAsync("429");

        await visit.Page.Locator("#clear").ClickAsync();
        await visit.Page.Locator("#f-team").SelectOptionAsync("shop");
        await visit.Expect("#requests-sizer .row").ToHaveCountAsync(1);
        Assert.Contains("team=shop", visit.Page.Url, StringComparison.Ordinal);

        // A client chose this name: it is text.
        await visit.Expect("#requests-sizer .row").ToContainTextAsync(DashboardBrowser.HostileModel);
        Assert.Equal(0, await visit.Page.Locator("main img, main script").CountAsync());
    }

    [Fact]
    public async Task Teams_ShowBudgetLimitsAndKeys()
    {
        await using var visit = await browser.OpenAsync("view=teams");
        var search = visit.Page.Locator("#teams article", new PageLocatorOptions { HasTextString = "search" });

        await Assertions.Expect(search.Locator("[role=meter]").First).ToHaveAttributeAsync("aria-valuemax", "1");
        await Assertions.Expect(search.Locator(".keys [role=meter]")).ToHaveAttributeAsync("aria-valuemax", "0.5");
        await Assertions.Expect(search).ToContainTextAsync("1,000 requests a minute");
        await Assertions.Expect(search.Locator(".keys")).ToContainTextAsync("ci<b>");
        await visit.Expect("#teams").ToContainTextAsync("No budget");
    }

    [Fact]
    public async Task Rules_AndTheSettingsInEffect_AreShown()
    {
        await using var visit = await browser.OpenAsync("view=settings");

        await visit.Expect("#panel-reload").ToContainTextAsync(await browser.Team.Gateway.VersionAsync());
        await visit.Expect("#panel-rules .rule").ToContainTextAsync("openai/*, mistralai/*");
        await visit.Expect("#panel-rules .rule").ToContainTextAsync("""{"order":["azure"]}""");
        await visit.Expect("#panel-system").ToContainTextAsync("Open connections");
    }

    [Fact]
    public async Task Token_IsBasicsPassword_AndAGatewayWithoutTeamsSaysSo()
    {
        await using var visit = await browser.OpenAsync(
            "", new BrowserNewContextOptions { HttpCredentials = new HttpCredentials { Username = "anybody", Password = DashboardBrowser.Token } }, null, browser.Closed);

        await visit.Expect("#panel-traffic").ToContainTextAsync("No requests in the last 1 h.");
        await visit.Expect("#panel-cost").ToContainTextAsync("No team is configured");
        await visit.Expect("#panel-budgets").ToContainTextAsync("No teams are configured");
        await visit.Page.Locator("#tab-teams").ClickAsync();
        await visit.Expect("#teams").ToContainTextAsync("No teams are configured");
        await visit.Page.Locator("#tab-requests").ClickAsync();
        await visit.Expect("#count").ToContainTextAsync("No requests yet.");
        await visit.Page.Locator("#tab-settings").ClickAsync();
        await visit.Expect("#panel-rules").ToContainTextAsync("0 teams");
        await visit.Page.Locator("#tab-explain").ClickAsync();
        await visit.Page.Locator("#x-model").FillAsync("a/b");
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.Expect("#explained .verdict").ToContainTextAsync("Allowed");
    }

    [Fact]
    public void Script_MakesNoMarkupOfText()
    {
        var script = File.ReadAllText(Path.Combine(Repository.Root, "Gateway", "Admin", "Dashboard", "dashboard.js"));

        Assert.All(
            (string[])["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "new Function", "javascript:", "srcdoc", ".style.cssText"],
            word => Assert.DoesNotContain(word, script, StringComparison.Ordinal));
    }

    private static async Task<string> TileAsync(DashboardVisit visit, string name) =>
        await visit.Page.Locator("#tiles > div", new PageLocatorOptions { HasTextString = name }).First.Locator("dd").First.InnerTextAsync();
}
