using System.Collections.Concurrent;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A page with the dashboard. At its end, messages of the console, violations of the policy and requests to other hosts are failures.</summary>
internal sealed class DashboardVisit : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly Uri _address;
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly ConcurrentQueue<string> _requests = new();

    private DashboardVisit(IBrowserContext context, IPage page, Uri address)
    {
        _context = context;
        _address = address;
        Page = page;
        page.Console += (_, message) => _faults.Enqueue($"{message.Type}: {message.Text}");
        page.PageError += (_, error) => _faults.Enqueue(error);
        page.Dialog += async (_, dialog) =>
        {
            _faults.Enqueue("dialog: " + dialog.Message);
            await dialog.DismissAsync();
        };
        context.Request += (_, request) => _requests.Enqueue(request.Url);
    }

    public IPage Page { get; }

    /// <summary>The requests of the page.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>Whether requests fail on purpose, which the browser's console reports.</summary>
    public bool MayFail { get; set; }

    public static async Task<DashboardVisit> OpenAsync(
        IBrowser browser, Uri address, string hash, BrowserNewContextOptions options, DashboardSample? sample, bool isPatient)
    {
        options.ViewportSize ??= new ViewportSize { Width = 1440, Height = 900 };
        options.ColorScheme ??= ColorScheme.Light;
        var context = await browser.NewContextAsync(options);
        context.SetDefaultTimeout((float)HangGuard.Limit.TotalMilliseconds);
        var page = await context.NewPageAsync();
        var visit = new DashboardVisit(context, page, address);
        if (isPatient || sample is not null)
        {
            // Playwright hands made-up answers over, which takes a busy machine longer for 10,000 requests than the page waits for a gateway.
            await page.AddInitScriptAsync("AbortSignal.timeout = () => new AbortController().signal;");
        }

        if (sample is not null)
        {
            await sample.AnswerAsync(page);
        }

        await page.GotoAsync(new Uri(address, "/#" + hash).ToString());
        await visit.ReadAsync();
        return visit;
    }

    /// <summary>Waits until the page has read the gateway.</summary>
    public Task ReadAsync() => Assertions.Expect(Page.Locator("#status")).ToHaveAttributeAsync("data-state", "live");

    /// <summary>Makes the page read the gateway now, not at its next turn.</summary>
    public async Task RefreshAsync()
    {
        await Page.EvaluateAsync("() => { const pause = document.getElementById('pause'); pause.click(); pause.click(); }");
        await ReadAsync();
    }

    /// <summary>An element's text.</summary>
    public Task<string> TextAsync(string selector) => Page.Locator(selector).InnerTextAsync();

    public ILocatorAssertions Expect(string selector) => Assertions.Expect(Page.Locator(selector));

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        Assert.All(_requests, url => Assert.True(
            url.StartsWith(_address.GetLeftPart(UriPartial.Authority) + "/", StringComparison.Ordinal) || url.StartsWith("data:", StringComparison.Ordinal), url));
        if (!MayFail)
        {
            Assert.Empty(_faults);
        }
    }
}
