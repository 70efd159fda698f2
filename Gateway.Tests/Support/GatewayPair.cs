using System.Globalization;
using System.Text;
using FakeOpenRouter;

namespace Gateway.Tests.Support;

/// <summary>A gateway in front of a scripted OpenRouter, and calls through both.</summary>
internal sealed class GatewayPair : IAsyncDisposable
{
    private int _calls;

    private GatewayPair(GatewayHost gateway, FakeOpenRouterServer upstream)
    {
        Gateway = gateway;
        Upstream = upstream;
    }

    public GatewayHost Gateway { get; }

    public FakeOpenRouterServer Upstream { get; }

    public static async Task<GatewayPair> StartAsync(Action<GatewayHostOptions>? configure = null)
    {
        var upstream = await FakeOpenRouterServer.StartAsync();
        try
        {
            var gateway = await GatewayHost.StartAsync(options =>
            {
                options.Upstream = upstream.BaseUrl;
                configure?.Invoke(options);
            });
            return new GatewayPair(gateway, upstream);
        }
        catch
        {
            await upstream.DisposeAsync();
            throw;
        }
    }

    /// <summary>A name for <c>x-fake-id</c> that no other call of this pair has.</summary>
    public string NextId() => "call-" + Interlocked.Increment(ref _calls).ToString(CultureInfo.InvariantCulture);

    /// <summary>POSTs a body on a connection of its own, with a bearer; more header lines may be given.</summary>
    public async Task<Exchange> PostAsync(string target, byte[] body, params string[] headerLines)
    {
        var id = NextId();
        await using var client = await Gateway.ConnectAsync();
        await client.PostAsync(target, body, [.. headerLines, $"x-fake-id: {id}"]);
        var (head, answer) = await client.ReadAsync();
        return new Exchange(head, answer, Upstream.Requests.Find(id));
    }

    public Task<Exchange> PostAsync(string target, string body, params string[] headerLines)
    {
        return PostAsync(target, Encoding.UTF8.GetBytes(body), headerLines);
    }

    /// <summary>The rule that is applied to a call.</summary>
    public async Task<string?> RuleAsync() => (await ChatAsync("m")).Head.Header("x-gateway-rule");

    /// <summary>Waits until a rule is in force.</summary>
    public Task WaitForRuleAsync(string rule) => Eventually.TrueAsync(async () => await RuleAsync() == rule, $"rule {rule}");

    /// <summary>A chat request for one model, with nothing else in it.</summary>
    public Task<Exchange> ChatAsync(string model, params string[] headerLines)
    {
        return PostAsync("/v1/chat/completions", $$"""{"model":"{{model}}","messages":[]}""", headerLines);
    }

    /// <summary>GETs with a bearer.</summary>
    public Task<Exchange> GetAsync(string target, params string[] headerLines)
    {
        return SendAsync("GET", target, ["Authorization: Bearer sk-or-v1-test", .. headerLines], null);
    }

    /// <summary>Sends a request with Host, these header lines and no others; a body brings its Content-Length.</summary>
    public async Task<Exchange> SendAsync(string method, string target, IReadOnlyList<string> headerLines, byte[]? body)
    {
        var id = NextId();
        await using var client = await Gateway.ConnectAsync();
        List<string> lines = [$"{method} {target} HTTP/1.1", $"Host: {client.Authority}", .. headerLines, $"x-fake-id: {id}"];
        if (body is not null)
        {
            lines.Add($"Content-Length: {body.Length}");
        }

        await client.SendAsync(string.Join("\r\n", lines) + "\r\n\r\n");
        await client.SendAsync(body ?? []);
        var (head, answer) = await client.ReadAsync();
        return new Exchange(head, answer, Upstream.Requests.Find(id));
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}
