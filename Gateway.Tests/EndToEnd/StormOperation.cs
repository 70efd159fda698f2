using System.Text;
using Gateway.Tests.Support;

namespace Gateway.Tests.EndToEnd;

/// <summary>One call of a storm: its request, and the disturbance of the call. Everything in it follows from the seed.</summary>
internal sealed record StormOperation(
    StormKind Kind, string Path, string Body, bool Streams, IReadOnlyList<string> Script, int LeaveAtByte, TimeSpan LeaveAfter)
{
    private static readonly string[] Models =
    [
        "openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "mistralai/ministral-3b", "perplexity/sonar",
        "meta-llama/llama-3.1-8b-instruct",
    ];

    private static readonly string[] EmbeddingModels = ["openai/text-embedding-3-small", "qwen/qwen3-embedding-8b"];

    private static readonly int[] FreePages = [521, 522, 523, 525, 526, 527, 530];

    private static readonly int[] UnknownPages = [500, 502, 503, 504, 520, 524];

    private static readonly int[] Redirects = [301, 302, 303, 307, 308];

    private static readonly int[] Statuses = [400, 402, 404, 429, 500, 502, 503, 529];

    // How often each kind comes, in percent.
    private static readonly (StormKind Kind, int Percent)[] Mix =
    [
        (StormKind.Whole, 32), (StormKind.LeaveAtByte, 20), (StormKind.LeaveBeforeHead, 8), (StormKind.LeaveInBody, 3),
        (StormKind.Stall, 4), (StormKind.Cut, 10), (StormKind.Close, 4), (StormKind.Error, 5), (StormKind.ErrorInside, 4),
        (StormKind.FreePage, 3), (StormKind.UnknownPage, 2), (StormKind.Redirect, 2), (StormKind.Refused, 3),
    ];

    public static StormOperation Next(Prng prng)
    {
        var kind = KindOf(Below(prng, 100));
        var dialect = Below(prng, 10);
        var embeds = dialect == 9;
        var streams = !embeds && (kind is StormKind.LeaveAtByte or StormKind.Stall || Below(prng, 2) == 0);
        var events = 1 + Below(prng, 30);
        List<string> script =
        [
            $"x-fake-events: {events}",
            $"x-fake-prompt-tokens: {1 + Below(prng, 3000)}",
            $"x-fake-completion-tokens: {Below(prng, 2000)}",
            .. Rarely(30, "x-fake-bill-full: 1"),
            .. Rarely(20, "x-fake-cost-exponent: 1"),
            .. Rarely(15, "x-fake-no-usage: 1"),
            .. Rarely(4, "x-fake-no-generation-id: 1"),
            .. Rarely(5, "x-fake-generation-delay-ms: 1500"),
            .. Rarely(5, "x-fake-generation-status: 500", "x-fake-generation-failures: 1"),
            .. Rarely(20, $"x-fake-interval-ms: {Below(prng, 15)}"),
            .. Rarely(20, $"x-fake-keepalives: {Below(prng, 4)}", "x-fake-keepalive-ms: 10"),
            .. Rarely(20, $"x-fake-size: {Below(prng, 60_000)}"),
            .. Rarely(10, "x-fake-chunked: 1"),
            .. Rarely(10, $"x-fake-whitespace: {Below(prng, 4)}"),
            .. Rarely(10, $"x-fake-delay-ms: {Below(prng, 200)}"),
            .. Rarely(15, "x-fake-gzip: 1"),
            .. Rarely(20, $"x-fake-split: {1 + Below(prng, 400)}"),
            .. Rarely(20, "x-fake-byok: 0.0125"),
            .. Rarely(streams ? 20 : 0, $"x-fake-interim-cost: 0.00{Below(prng, 9)}"),
        ];

        switch (kind)
        {
            case StormKind.LeaveBeforeHead when streams && Below(prng, 2) == 0:
                script.AddRange(["x-fake-stall-after: 0"]);
                break;
            case StormKind.LeaveBeforeHead:
                script.AddRange([$"x-fake-first-byte-delay-ms: {Below(prng, 600)}"]);
                break;
            case StormKind.Stall:
                script.AddRange([$"x-fake-stall-after: {1 + Below(prng, events)}"]);
                break;
            case StormKind.Cut:
                script.AddRange([$"x-fake-cut-at-byte: {Below(prng, 4000)}"]);
                break;
            case StormKind.Close:
                script.AddRange(["x-fake-close: 1"]);
                break;
            case StormKind.Error:
                script.AddRange([$"x-fake-status: {Statuses[Below(prng, Statuses.Length)]}"]);
                break;
            case StormKind.FreePage:
                Page(FreePages);
                break;
            case StormKind.UnknownPage:
                Page(UnknownPages);
                break;
            case StormKind.Redirect:
                script.AddRange(
                    [$"x-fake-status: {Redirects[Below(prng, Redirects.Length)]}", "x-fake-header: Location: /elsewhere", "x-fake-body: moved"]);
                break;
            case StormKind.Refused:
                script.AddRange(["x-fake-refuse: 1"]);
                break;
            case StormKind.ErrorInside:
                script.AddRange([streams ? $"x-fake-error-after: {1 + Below(prng, events)}" : "x-fake-error: 1"]);
                break;
        }

        var (path, body) = Call(prng, dialect, streams);
        var leaveAfter = TimeSpan.FromMilliseconds(Below(prng, Below(prng, 4) == 0 ? 1300 : 150));
        return new StormOperation(kind, path, body, streams, script, 1 + Below(prng, 6000), leaveAfter);

        void Page(int[] statuses) => script.AddRange(
            [$"x-fake-status: {statuses[Below(prng, statuses.Length)]}", "x-fake-content-type: text/html", "x-fake-body: <html>a page</html>"]);

        string[] Rarely(int percent, params string[] lines) => Below(prng, 100) < percent ? lines : [];
    }

    private static StormKind KindOf(int percent)
    {
        foreach (var (kind, share) in Mix)
        {
            percent -= share;
            if (percent < 0)
            {
                return kind;
            }
        }

        throw new InvalidOperationException("The shares are not a hundred in all.");
    }

    private static (string Path, string Body) Call(Prng prng, int dialect, bool streams)
    {
        var model = Models[Below(prng, Models.Length)];
        var text = new StringBuilder().Append('a', Below(prng, 2000)).ToString();
        var stream = streams ? "true" : "false";
        return dialect switch
        {
            < 5 => (
                "/v1/chat/completions",
                $$"""{"messages":[{"role":"user","content":"{{text}}"}],"model":"{{model}}","stream":{{stream}},"max_tokens":64}"""),
            5 => ("/v1/completions", $$"""{"model":"{{model}}","prompt":"{{text}}","max_tokens":64,"stream":{{stream}}}"""),
            6 or 7 => ("/v1/responses", $$"""{"model":"{{model}}","input":"{{text}}","stream":{{stream}},"max_output_tokens":64}"""),
            8 => (
                "/v1/messages",
                $$"""{"model":"{{model}}","max_tokens":64,"stream":{{stream}},"messages":[{"role":"user","content":"{{text}}"}]}"""),
            _ => ("/v1/embeddings", $$"""{"model":"{{EmbeddingModels[Below(prng, 2)]}}","input":"{{text}}."}"""),
        };
    }

    // The lowest bits of a xorshift are its weakest.
    private static int Below(Prng prng, int bound) => bound <= 0 ? 0 : (int)((prng.Next() >> 16) % (ulong)bound);
}
