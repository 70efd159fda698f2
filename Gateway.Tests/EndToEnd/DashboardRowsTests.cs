using System.Globalization;
using System.Text.Json.Nodes;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Gateway.Ledger;
using Gateway.Tests.Support;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the dashboard stays responsive with ten thousand requests, keeps its place while it refreshes, says when it shows old data, and
/// makes no markup of any name.
/// </summary>
[Collection(DashboardTestGroup.Name)]
public sealed class DashboardRowsTests(DashboardBrowser browser)
{
    private const int Many = 10_000;
    private const string Hostile = "\"><img src=x onerror=window.hit=1><script>window.hit=1</script>{{1}}${1}";

    [Fact]
    public async Task TenThousandRequests_AreAHandfulOfNodes_AndTheOldestIsTheEndOfWhatChartsKnow()
    {
        var sample = DashboardSample.Busy(Many);
        await using var visit = await browser.OpenAsync("range=6h", null, sample);

        await visit.Expect("#coverage").ToContainTextAsync("hatched: no longer kept");
        await visit.Expect("#panel-traffic .unknown").ToHaveCountAsync(1);

        await visit.Page.EvaluateAsync("() => { location.hash = 'view=requests'; }");
        await visit.Expect("#count").ToContainTextAsync("10,000 requests");
        await visit.Expect("#requests").ToHaveAttributeAsync("aria-rowcount", "10001");
        Assert.InRange(await visit.Page.Locator("#requests-sizer .row").CountAsync(), 10, 60);

        await visit.Page.Locator("#requests").FocusAsync();
        await visit.Page.Keyboard.PressAsync("End");
        await visit.Expect("#requests-sizer .row[aria-selected=true]").ToHaveAttributeAsync("aria-rowindex", "10001");
        await visit.Expect("#requests-sizer .row[aria-selected=true]").ToBeInViewportAsync();
        Assert.InRange(await visit.Page.Locator("#requests-sizer .row").CountAsync(), 10, 60);
        await visit.Page.Keyboard.PressAsync("PageUp");
        await visit.Page.Keyboard.PressAsync("Home");
        await visit.Expect("#requests-sizer .row[aria-selected=true]").ToHaveAttributeAsync("aria-rowindex", "2");

        await visit.Page.Locator("#q").FillAsync((string)sample.Requests[7_777]!["request_id"]!);
        await visit.Expect("#requests-sizer .row").ToHaveCountAsync(1);
        await visit.Expect("#count").ToContainTextAsync("1 of 10,000 requests");
    }

    [Fact]
    public async Task TenThousandRowsOfALedger_AreReadAndFound()
    {
        DashboardBrowser.SkipWithoutBrowser();
        using var folder = new TempFolder();
        var now = TimeProvider.System.GetUtcNow();
        await using (var store = new SqliteLedgerStore(folder.File("usage.db")))
        {
            await store.OpenAsync(TestContext.Current.CancellationToken);
            foreach (var batch in Enumerable.Range(0, Many).Chunk(1_000))
            {
                await store.ApplyAsync([.. batch.SelectMany(i => Call(i, now.AddMilliseconds(-200 * (i + 1))))], TestContext.Current.CancellationToken);
            }
        }

        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Usage = $$"""{ "Sqlite": { "Path": "{{folder.File("usage.db")}}" } }""",
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        });
        using var admin = await team.Gateway.AdminClientAsync();
        await using var visit = await browser.OpenAsync("view=requests&range=24h", address: admin.BaseAddress, isPatient: true);

        await visit.Expect("#count").ToContainTextAsync("10,000 requests");
        await visit.Expect("#requests").ToHaveAttributeAsync("aria-rowcount", "10001");
        await visit.Page.Locator("#requests").FocusAsync();
        await visit.Page.Keyboard.PressAsync("End");
        await visit.Expect("#requests-sizer .row[aria-selected=true]").ToContainTextAsync($"model-{Many - 1}");
        Assert.InRange(await visit.Page.Locator("#requests-sizer .row").CountAsync(), 10, 60);
        await visit.Page.Locator("#q").FillAsync("request-7777");
        await visit.Expect("#requests-sizer .row").ToHaveCountAsync(1);
        await visit.Expect("#requests-sizer .row .c-cost").ToContainTextAsync("$0.25");

        static LedgerEntry[] Call(int number, DateTimeOffset at)
        {
            var (id, model) = (LedgerSamples.NewId(at), $"test/model-{number}");
            return
            [
                LedgerSamples.Began(id, at: at) with { RequestId = $"request-{number}", AskedModel = model, SentModel = model },
                LedgerSamples.Settled(id, 250_000_000_000) with { Status = 200, End = "Completed", AnsweredModel = model, EndedAt = at, ClosedAt = at },
            ];
        }
    }

    [Fact]
    public async Task Refresh_KeepsScrollSelectionAndFocus()
    {
        var sample = DashboardSample.Busy(500);
        await using var visit = await browser.OpenAsync("view=requests", null, sample);
        const string TopRow =
            """
            () => {
              const body = document.getElementById('requests-body').getBoundingClientRect();
              return [...document.querySelectorAll('#requests-sizer .row')].find(row => row.getBoundingClientRect().bottom > body.top + 1).rowKey;
            }
            """;
        await visit.Page.Locator("#requests-body").EvaluateAsync("body => { body.scrollTop = 3000; }");
        await visit.Expect("#requests-sizer .row[aria-rowindex=\"103\"]").ToHaveCountAsync(1);
        await visit.Page.Locator("#q").FocusAsync();
        var before = await visit.Page.EvaluateAsync<string>(TopRow);

        for (var i = 0; i < 7; i++)
        {
            sample.Arrive();
        }

        await visit.RefreshAsync();
        await visit.Expect("#count").ToContainTextAsync("507 requests");

        Assert.Equal(before, await visit.Page.EvaluateAsync<string>(TopRow));
        await visit.Expect("#q").ToBeFocusedAsync();
    }

    [Theory]
    [InlineData(499)]
    [InlineData(502)]
    public async Task ClientThatLeft_IsNoErrorOfUpstream(int status)
    {
        var sample = DashboardSample.Busy(20);
        var call = sample.Requests.First(static row => row!["state"] is not null)!;
        (call["status"], call["end"]) = (status, "ClientLeft");
        await using var visit = await browser.OpenAsync($"view=requests&q={call["request_id"]}", null, sample);

        await visit.Expect("#requests-sizer .row .chip").ToHaveTextAsync($"{status} left");
        await visit.Expect("#requests-sizer .row .chip").ToHaveAttributeAsync("data-tone", "answered");
    }

    [Theory]
    [InlineData(500, "reserved")]
    [InlineData(500, "provisional")]
    [InlineData(3_000, "reserved")]
    public async Task CallThatWaits_IsReadUntilItHasEndedAndIsBilled(int rows, string state)
    {
        var sample = DashboardSample.Busy(rows);
        var (call, billed) = sample.Await(rows * 9 / 10, state);
        await using var visit = await browser.OpenAsync($"view=requests&q={call["request_id"]}", null, sample);
        await visit.Expect("#requests-sizer .row .c-cost").ToContainTextAsync("~");

        sample.Replace(call, billed);

        await Eventually.TrueAsync(
            async () =>
            {
                await visit.RefreshAsync();
                return !(await visit.TextAsync("#requests-sizer .row .c-cost")).Contains('~', StringComparison.Ordinal);
            },
            "the bill of an old call");
        await visit.Expect("#requests-sizer .row .chip").ToHaveTextAsync("200");
    }

    [Fact]
    public async Task AfterAPause_CallsThatHadArrivedBeforeItAreRead()
    {
        var sample = DashboardSample.Busy(20);
        await using var visit = await browser.OpenAsync("view=requests", null, sample);
        await visit.Expect("#count").ToContainTextAsync("20 requests");

        sample.Arrive(age: 3600);
        await visit.Page.EvaluateAsync("() => { const now = Date.now; Date.now = () => now() + 600_000; }");
        await visit.RefreshAsync();

        await visit.Expect("#count").ToContainTextAsync("21 requests");
    }

    [Fact]
    public async Task CallThatEndsUnderAnotherId_IsListedOnce()
    {
        var sample = DashboardSample.Busy(20);
        var (call, billed) = sample.Await(10, "reserved");
        await using var visit = await browser.OpenAsync("view=requests", null, sample);
        await visit.Expect("#requests-sizer .chip[data-tone=open]").ToHaveCountAsync(1);

        billed["request_id"] = "upstreams-1";
        sample.Replace(call, billed);
        await visit.Page.EvaluateAsync("() => { const now = Date.now; Date.now = () => now() + 600_000; }");
        await visit.RefreshAsync();

        await visit.Expect("#requests-sizer .chip[data-tone=open]").ToHaveCountAsync(0);
        await visit.Expect("#count").ToContainTextAsync("20 requests");
    }

    [Fact]
    public async Task RequestThatIsOpened_HasItsBillInTheListToo()
    {
        var sample = DashboardSample.Busy(20);
        var (call, billed) = sample.Await(10, "provisional");
        await using var visit = await browser.OpenAsync($"view=requests&q={call["request_id"]}", null, sample);
        await visit.Expect("#requests-sizer .row .c-cost").ToContainTextAsync("~");
        await visit.Page.Locator("#pause").ClickAsync();

        sample.Replace(call, billed);
        await visit.Page.Locator("#requests-sizer .row").ClickAsync();

        await visit.Expect("#requests-sizer .row .c-cost").Not.ToContainTextAsync("~");
        await visit.Expect("#drawer").ToContainTextAsync("settled");
    }

    [Fact]
    public async Task ExplanationWithoutAKey_SaysThatKeysAreLeftOut()
    {
        var sample = DashboardSample.Busy(1);
        sample.Explanation = new JsonObject { ["text"] = "", ["keys_left_out"] = true };
        await using var visit = await browser.OpenAsync("view=explain", null, sample);
        await visit.Page.Locator("#x-team").SelectOptionAsync("search");
        await visit.Page.Locator("#x-model").FillAsync("a/b");
        await visit.Page.Locator("#x-go").ClickAsync();

        await visit.Expect("#explained .verdict").ToContainTextAsync("Allowed for the team");
        await visit.Expect("#explained .verdict").ToContainTextAsync("of its keys are left out");
    }

    [Fact]
    public async Task UnreachableGateway_IsSaid_AndItsReturn()
    {
        await using var visit = await browser.OpenAsync();
        visit.MayFail = true;
        await visit.Page.RouteAsync("**/admin/**", static route => route.AbortAsync());
        await visit.Page.EvaluateAsync("() => { const pause = document.getElementById('pause'); pause.click(); pause.click(); }");

        await visit.Expect("#status").ToHaveAttributeAsync("data-state", "stale");
        await visit.Expect("#banner").ToContainTextAsync("The gateway cannot be reached. What you see is of ");
        await visit.Expect("body").ToHaveClassAsync("is-stale");
        await Assertions.Expect(visit.Page).ToHaveTitleAsync("Unreachable – OpenRouterGateway");
        Assert.Equal(DashboardBrowser.Calls.ToString(CultureInfo.InvariantCulture), await visit.Page.Locator("#tiles dd").First.InnerTextAsync());

        await visit.Page.UnrouteAllAsync();
        await visit.RefreshAsync();
        await visit.Expect("#banner").ToBeHiddenAsync();
    }

    [Fact]
    public async Task Page_IsReadAgainOnlyWhileItCanBeSeen()
    {
        await using var visit = await browser.OpenAsync("view=explain");
        const string Show =
            """
            hidden => {
              Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
              document.dispatchEvent(new Event('visibilitychange'));
            }
            """;

        // Paused until the clock is installed: the page could not clear a timer of the real one any more.
        const string Pause = "() => document.getElementById('pause').click()";
        await visit.Page.EvaluateAsync(Pause);
        await visit.Page.Clock.InstallAsync();
        var before = Reads(visit);
        await visit.Page.EvaluateAsync(Pause);
        await Eventually.TrueAsync(() => Reads(visit) > before, "the read on demand");

        var shown = Reads(visit);
        await Eventually.TrueAsync(
            async () =>
            {
                await visit.Page.Clock.RunForAsync(5_000);
                return Reads(visit) > shown;
            },
            "a read while the page is seen");

        // The requests of a read leave together: none of it is still to come.
        await visit.Page.EvaluateAsync(Show, true);
        var hidden = Reads(visit);
        await visit.Page.Clock.RunForAsync(60_000);
        Assert.Equal(hidden, Reads(visit));

        await visit.Page.EvaluateAsync(Show, false);
        await Eventually.TrueAsync(() => Reads(visit) > hidden, "a read when the page is seen again");
    }

    [Fact]
    public async Task HostileNames_StayText()
    {
        var sample = DashboardSample.Busy(20);
        foreach (var row in sample.Requests)
        {
            foreach (var name in (string[])["team", "key", "model", "sent_model", "answered_model", "provider", "rule", "code", "path", "end", "destination", "version"])
            {
                row![name] = Hostile;
            }
        }

        foreach (var team in sample.TeamList)
        {
            team!["id"] = Hostile + team["id"];
            team["keys"]![0]!["label"] = Hostile;
        }

        sample.Rules["version"] = Hostile;
        sample.Rules["rules"]![0]!["name"] = Hostile;
        sample.Rules["rules"]![0]!["models"]![0] = Hostile;
        sample.Rules["rules"]![0]!["source"] = Hostile;
        sample.Rules["rules"]![0]!["mode"] = Hostile;
        sample.Explanation = new JsonObject
        {
            ["text"] = Hostile,
            ["status"] = 403,
            ["error"] = new JsonObject { ["error"] = new JsonObject { ["code"] = Hostile, ["message"] = Hostile } },
        };
        await using var visit = await browser.OpenAsync("by=model", null, sample);
        foreach (var view in (string[])["overview", "teams", "settings", "explain", "requests"])
        {
            await visit.Page.Locator("#tab-" + view).ClickAsync();
            await visit.Expect("#view-" + view).ToContainTextAsync(view == "explain" ? "Try a request" : Hostile);
        }

        await visit.Page.Locator("#requests-sizer .row").First.ClickAsync();
        await visit.Expect("#drawer").ToContainTextAsync(Hostile);
        await visit.Page.Locator("#drawer button", new PageLocatorOptions { HasTextString = "Explain this model now" }).ClickAsync();
        await visit.Page.Locator("#x-go").ClickAsync();
        await visit.Expect("#explained pre").ToContainTextAsync(Hostile);

        Assert.Equal(0, await visit.Page.Locator("body img, body script").CountAsync());
        Assert.False(await visit.Page.EvaluateAsync<bool>("() => 'hit' in window"));
    }

    private static int Reads(DashboardVisit visit) => visit.Requests.Count(static url => url.EndsWith("/admin/teams", StringComparison.Ordinal));
}
