using Gateway.Tests.Support;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the dashboard can be read and used: in the dark and in the light, on a desk and on a phone, with the keyboard alone, with less
/// motion. With <c>GATEWAY_TEST_SCREENSHOTS=FOLDER</c> the pictures of <c>docs/dashboard.md</c> are made anew.
/// </summary>
[Collection(DashboardTestGroup.Name)]
public sealed class DashboardLookTests(DashboardBrowser browser)
{
    private const string Screenshots = "GATEWAY_TEST_SCREENSHOTS";

    // Of each text the contrast with the background that it stands on, as WCAG computes it; texts below 4.5 : 1 are returned.
    private const string FaintTexts =
        """
        () => {
          const parse = text => (text.match(/[\d.]+/g) || []).map(Number);
          const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
          const behind = node => {
            for (let at = node; at; at = at.parentElement) {
              const color = parse(getComputedStyle(at).backgroundColor);
              if (color.length === 3 || color[3] === 1) return color;
            }
            return [255, 255, 255];
          };
          const faint = [];
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const node = walk.currentNode.parentElement;
            if (!walk.currentNode.data.trim() || !node.checkVisibility() || node.closest('noscript, script')) continue;
            const style = getComputedStyle(node);
            const [a, b] = [light(parse(node.closest('svg') ? style.fill : style.color)), light(behind(node))];
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < 4.5) faint.push(`${walk.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
          }
          return faint;
        }
        """;

    private static readonly string[] Views = ["overview", "requests", "teams", "settings", "explain"];

    [Fact]
    public async Task EveryView_FitsTheWindow_AndEveryTextHasContrast()
    {
        await using var visit = await browser.OpenAsync("", new BrowserNewContextOptions { ReducedMotion = ReducedMotion.Reduce }, DashboardSample.Busy(400));
        foreach (var view in Views)
        {
            await visit.Page.Locator("#tab-" + view).ClickAsync();
            await visit.Expect("#view-" + view).ToBeVisibleAsync();
            foreach (var colours in (ColorScheme[])[ColorScheme.Dark, ColorScheme.Light])
            {
                await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = colours });
                Assert.Empty(await visit.Page.EvaluateAsync<string[]>(FaintTexts));
            }

            foreach (var width in (int[])[1440, 1024, 390])
            {
                await visit.Page.SetViewportSizeAsync(width, 844);
                Assert.Equal(
                    width, await visit.Page.EvaluateAsync<int>("() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"));
            }
        }
    }

    [Theory]
    [InlineData(390)]
    [InlineData(360)]
    public async Task Phone_ShowsEveryTab_AndTwoColumnsOfTiles(int width)
    {
        await using var visit = await browser.OpenAsync(
            "", new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 844 } }, DashboardSample.Busy(400));

        Assert.Equal(0, await visit.Page.Locator(".tabs").EvaluateAsync<int>("tabs => tabs.scrollWidth - tabs.clientWidth"));
        Assert.Equal(
            "0 1 0 1 0 1",
            await visit.Page.Locator("#tiles > div").EvaluateAllAsync<string>("tiles => tiles.map(tile => parseFloat(getComputedStyle(tile).borderLeftWidth)).join(' ')"));
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task Filters_HaveOneHeight(int width)
    {
        await using var visit = await browser.OpenAsync(
            "view=requests", new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 844 } }, DashboardSample.Busy(400));

        Assert.Single(await visit.Page.Locator("#filters input, #filters select").EvaluateAllAsync<int[]>(
            "fields => [...new Set(fields.map(field => field.getBoundingClientRect().height))]"));
    }

    [Fact]
    public async Task Theme_IsChosenAndKept()
    {
        await using var visit = await browser.OpenAsync("", new BrowserNewContextOptions { ColorScheme = ColorScheme.Dark });
        const string Background = "() => getComputedStyle(document.body).backgroundColor";
        var dark = await visit.Page.EvaluateAsync<string>(Background);

        await visit.Page.Locator("#theme").ClickAsync();
        await visit.Expect("#theme").ToHaveTextAsync("Theme: light");
        var light = await visit.Page.EvaluateAsync<string>(Background);
        await visit.Page.ReloadAsync();

        Assert.NotEqual(dark, light);
        Assert.Equal(light, await visit.Page.EvaluateAsync<string>(Background));
        await visit.Page.Locator("#theme").ClickAsync();
        Assert.Equal(dark, await visit.Page.EvaluateAsync<string>(Background));
    }

    [Fact]
    public async Task Motion_IsLeftOutOnRequest()
    {
        await using var visit = await browser.OpenAsync();
        foreach (var (motion, animation, transition) in ((ReducedMotion, string, string)[])
            [(ReducedMotion.NoPreference, "breathe", "0.3s"), (ReducedMotion.Reduce, "none", "0s")])
        {
            await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = motion });
            Assert.Equal(animation, await visit.Page.Locator(".dot").EvaluateAsync<string>("dot => getComputedStyle(dot).animationName"));
            Assert.Equal(
                transition, await visit.Page.Locator(".meter i").First.EvaluateAsync<string>("bar => getComputedStyle(bar).transitionDuration"));
        }
    }

    [Fact]
    public async Task Keyboard_ReachesEveryView_AndARequest()
    {
        await using var visit = await browser.OpenAsync();
        var keyboard = visit.Page.Keyboard;
        await keyboard.PressAsync("Tab");
        await visit.Expect(".skip").ToBeFocusedAsync();
        await keyboard.PressAsync("Tab");
        await visit.Expect("#tab-overview").ToBeFocusedAsync();
        foreach (var view in (string[])["requests", "teams", "settings", "explain", "overview"])
        {
            await keyboard.PressAsync("ArrowRight");
            await visit.Expect("#tab-" + view).ToBeFocusedAsync();
            await visit.Expect("#view-" + view).ToBeVisibleAsync();
        }

        await keyboard.PressAsync("/");
        await visit.Expect("#q").ToBeFocusedAsync();
        await keyboard.TypeAsync("gpt-4o-mini");
        await keyboard.PressAsync("Enter");
        await visit.Expect("#requests").ToBeFocusedAsync();
        await keyboard.PressAsync("ArrowDown");
        await visit.Expect("#requests-sizer .row[aria-selected=true]").ToHaveAttributeAsync("aria-rowindex", "3");
        await keyboard.PressAsync("Enter");
        await visit.Expect("#drawer-title").ToBeFocusedAsync();
        await keyboard.PressAsync("Escape");
        await visit.Expect("#drawer").ToBeHiddenAsync();
        await visit.Expect("#requests").ToBeFocusedAsync();
    }

    [Fact]
    public async Task Focus_IsVisibleAtEveryStop()
    {
        await using var visit = await browser.OpenAsync();
        const int Stops = 40;
        var seen = new HashSet<string>();
        for (var i = 0; i < Stops; i++)
        {
            await visit.Page.Keyboard.PressAsync("Tab");
            var stop = await visit.Page.EvaluateAsync<string>(
                """
                () => {
                  const node = document.activeElement;
                  if (node === document.body) return '';
                  const shown = node.matches('input[type=radio]') ? node.nextElementSibling : node;
                  const style = getComputedStyle(shown);
                  return `${node.tagName} ${node.id || node.textContent.slice(0, 40) || node.value}|${style.outlineStyle} ${style.outlineWidth}`;
                }
                """);
            if (stop.Length > 0)
            {
                seen.Add(stop);
            }
        }

        Assert.True(seen.Count > 10, string.Join('\n', seen));
        Assert.All(seen, static stop => Assert.EndsWith("|solid 2px", stop, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Chart_IsReadByArrowKeys_InUtcAndLocalTime()
    {
        await using var visit = await browser.OpenAsync("", new BrowserNewContextOptions { TimezoneId = "Asia/Kolkata" }, DashboardSample.Busy(400));
        await visit.Page.Locator("#panel-traffic .chart").FocusAsync();
        await visit.Page.Keyboard.PressAsync("End");

        await visit.Expect("#tip").ToBeVisibleAsync();
        Assert.Matches("UTC, so far \\(.*here\\)", await visit.TextAsync("#tip p"));
        await visit.Page.Keyboard.PressAsync("Escape");
        await visit.Expect("#tip").ToBeHiddenAsync();

        await visit.Page.Locator("#tab-requests").ClickAsync();
        Assert.Matches("UTC; .*, your time", await visit.Page.Locator("#requests-sizer time").First.GetAttributeAsync("title") ?? "");
    }

    [Fact]
    public async Task Pictures_AreMadeOnDemand()
    {
        var folder = Environment.GetEnvironmentVariable(Screenshots);
        Assert.SkipWhen(string.IsNullOrEmpty(folder), $"{Screenshots} names no folder.");
        foreach (var (name, hash, width, height, colours) in ((string, string, int, int, ColorScheme)[])
            [
                ("dashboard-dark", "by=model", 1440, 1300, ColorScheme.Dark), ("dashboard-light", "view=requests", 1440, 900, ColorScheme.Light),
                ("dashboard-phone", "", 390, 844, ColorScheme.Dark),
            ])
        {
            await using var visit = await browser.OpenAsync(
                hash,
                new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = height }, ColorScheme = colours, ReducedMotion = ReducedMotion.Reduce },
                DashboardSample.Busy(5000));
            if (name == "dashboard-light")
            {
                await visit.Page.Locator("#requests-sizer .row", new PageLocatorOptions { HasTextString = "anthropic" }).Nth(1).ClickAsync();
                await visit.Expect("#drawer .phases").ToBeVisibleAsync();
            }

            await visit.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder!, name + ".png") });
        }
    }
}
