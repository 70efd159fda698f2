using System.Collections.Frozen;

namespace FakeOpenRouter;

/// <summary>The named faults. The README describes each of them.</summary>
internal static class Faults
{
    /// <summary>No connection can be made. This is a fault of the server, not of a response, so only scenarios have it.</summary>
    public static readonly Fault Down = new("down");

    /// <summary>All named faults, in the order of the README.</summary>
    public static readonly IReadOnlyList<Fault> All =
    [
        // Errors of OpenRouter's API.
        new("rate-limited", "x-fake-status: 429", "x-fake-header: Retry-After: 2"),
        new("key-refused", "x-fake-status: 401", """x-fake-body: {"error":{"message":"No auth credentials found","code":401}}"""),
        new("no-credits", "x-fake-status: 402", """x-fake-body: {"error":{"message":"Insufficient credits","code":402}}"""),
        new(
            "cannot-afford",
            "x-fake-status: 402",
            """x-fake-body: {"error":{"message":"You requested up to 4096 tokens, but can only afford 100","code":402}}"""),
        new("server-error", "x-fake-status: 500"),
        new("provider-error", "x-fake-status: 502"),
        new("overloaded", "x-fake-status: 503"),

        // Pages of the CDN in front of OpenRouter.
        Page(502),
        Page(504),
        Page(520),
        Page(521),
        Page(522),
        Page(524),
        Page(526),
        Page(530),
        new("redirect", "x-fake-status: 301", "x-fake-header: Location: /elsewhere", "x-fake-body: moved"),

        // A status of 200 and no response.
        new("error-in-200", "x-fake-error: 1", "x-fake-error-after: 0"),
        new("html-200", "x-fake-content-type: text/html", "x-fake-body: <html>Maintenance</html>"),
        new("error-mid-stream", "x-fake-events: 20", "x-fake-error-after: 5"),

        // Slow.
        new("slow-headers", "x-fake-delay-ms: 10000"),
        new("slow-stream", "x-fake-events: 20", "x-fake-interval-ms: 1000"),
        new("silent", "x-fake-delay-ms: 86400000"),
        new("silent-stream", "x-fake-stall-after: 0"),
        new("comments-only", "x-fake-keepalives: 86400", "x-fake-keepalive-ms: 1000"),
        new("stall-mid-stream", "x-fake-events: 20", "x-fake-stall-after: 5"),

        // Broken.
        new("no-answer", "x-fake-close: 1"),
        new("cut-mid-stream", "x-fake-events: 20", "x-fake-cut-after: 5"),
        new("cut-mid-body", "x-fake-cut-at-byte: 100"),
        new("end-early", "x-fake-events: 20", "x-fake-end-after: 5"),

        // HTTP/2.
        new("refused-stream", "x-fake-refuse: 1"),
        new("goaway", "x-fake-goaway: 1"),
        new("goaway-refused", "x-fake-goaway: 1", "x-fake-refuse: 1"),

        // Bills.
        new("no-usage", "x-fake-no-usage: 1"),
        new("no-generation-id", "x-fake-no-generation-id: 1"),
        new("late-bill", "x-fake-no-usage: 1", "x-fake-generation-delay-ms: 60000"),
        new("missing-bill", "x-fake-no-usage: 1", "x-fake-generation-missing: 1"),
        new("failing-bill", "x-fake-no-usage: 1", "x-fake-generation-status: 500"),

        Down,
    ];

    private static readonly FrozenDictionary<string, Fault> ByName = All.ToFrozenDictionary(fault => fault.Name, StringComparer.Ordinal);

    /// <summary>Finds a fault by its name.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static Fault Find(string name) => ByName.TryGetValue(name, out var fault)
        ? fault
        : throw new FormatException($"\"{name}\" is no fault; expected {string.Join(", ", ByName.Keys.Order(StringComparer.Ordinal))}");

    private static Fault Page(int status) => new(
        $"page-{status}",
        $"x-fake-status: {status}",
        "x-fake-content-type: text/html",
        $"x-fake-body: <html>Error {status}</html>");
}
