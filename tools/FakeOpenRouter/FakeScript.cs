using System.Globalization;
using System.Text;

namespace FakeOpenRouter;

/// <summary>
/// The script of a request, from its <c>x-fake-…</c> headers. Each header is described at its property and in the README's table.
/// </summary>
internal sealed class FakeScript
{
    private const string HeaderPrefix = "x-fake-header";

    // Headers whose value is a number.
    private static readonly Dictionary<string, Action<FakeScript, int>> Numbers = new(StringComparer.OrdinalIgnoreCase)
    {
        ["x-fake-status"] = static (script, number) => script.Status = number,
        ["x-fake-echo"] = static (script, number) => script.Echo = number != 0,
        ["x-fake-delay-ms"] = static (script, number) => script.Delay = TimeSpan.FromMilliseconds(number),
        ["x-fake-first-byte-delay-ms"] = static (script, number) => script.FirstByteDelay = TimeSpan.FromMilliseconds(number),
        ["x-fake-early"] = static (script, number) => script.Early = number != 0,
        ["x-fake-close"] = static (script, number) => script.Close = number != 0,
        ["x-fake-goaway"] = static (script, number) => script.GoAway = number != 0,
        ["x-fake-refuse"] = static (script, number) => script.Refuse = number != 0,
        ["x-fake-size"] = static (script, number) => script.Size = number,
        ["x-fake-gzip"] = static (script, number) => script.Gzip = number != 0,
        ["x-fake-whitespace"] = static (script, number) => script.Whitespace = number,
        ["x-fake-whitespace-ms"] = static (script, number) => script.WhitespaceInterval = TimeSpan.FromMilliseconds(number),
        ["x-fake-chunked"] = static (script, number) => script.Chunked = number != 0,
        ["x-fake-stream"] = static (script, number) => script.Stream = number != 0,
        ["x-fake-events"] = static (script, number) => script.Events = number,
        ["x-fake-interval-ms"] = static (script, number) => script.Interval = TimeSpan.FromMilliseconds(number),
        ["x-fake-keepalives"] = static (script, number) => script.KeepAlives = number,
        ["x-fake-keepalive-ms"] = static (script, number) => script.KeepAliveInterval = TimeSpan.FromMilliseconds(number),
        ["x-fake-stall-after"] = static (script, number) => script.StallAfter = number,
        ["x-fake-cut-after"] = static (script, number) => script.CutAfter = number,
        ["x-fake-cut-at-byte"] = static (script, number) => script.CutAtByte = number,
        ["x-fake-end-after"] = static (script, number) => script.EndAfter = number,
        ["x-fake-error-after"] = static (script, number) => script.ErrorAfter = number,
        ["x-fake-error"] = static (script, number) => script.ErrorInside = number != 0,
        ["x-fake-step"] = static (script, number) => script.Step = number != 0,
        ["x-fake-split"] = static (script, number) => script.Split = number,
        ["x-fake-split-ms"] = static (script, number) => script.SplitInterval = TimeSpan.FromMilliseconds(number),
        ["x-fake-prompt-tokens"] = static (script, number) => script.PromptTokens = number,
        ["x-fake-completion-tokens"] = static (script, number) => script.CompletionTokens = number,
        ["x-fake-bill-full"] = static (script, number) => script.BillFull = number != 0,
        ["x-fake-bill-error"] = static (script, number) => script.BillError = number != 0,
        ["x-fake-no-usage"] = static (script, number) => script.NoUsage = number != 0,
        ["x-fake-no-generation-id"] = static (script, number) => script.NoGenerationId = number != 0,
        ["x-fake-cost-exponent"] = static (script, number) => script.CostExponent = number != 0,
        ["x-fake-generation-delay-ms"] = static (script, number) => script.GenerationDelay = TimeSpan.FromMilliseconds(number),
        ["x-fake-generation-missing"] = static (script, number) => script.GenerationMissing = number != 0,
        ["x-fake-generation-status"] = static (script, number) => script.GenerationStatus = number,
        ["x-fake-generation-failures"] = static (script, number) => script.GenerationFailures = number,
    };

    // Headers whose value is text.
    private static readonly Dictionary<string, Action<FakeScript, string>> Texts = new(StringComparer.OrdinalIgnoreCase)
    {
        ["x-fake-id"] = static (script, text) => script.Id = text,
        ["x-fake-fault"] = static (script, text) => script.Apply(Faults.Find(text)),
        ["x-fake-body"] = static (script, text) => script.Body = Encoding.UTF8.GetBytes(text),
        ["x-fake-body-base64"] = static (script, text) => script.Body = Convert.FromBase64String(text),
        ["x-fake-content-type"] = static (script, text) => script.ContentType = text,
        ["x-fake-interim-cost"] = static (script, text) => script.InterimCost = text,
        ["x-fake-byok"] = static (script, text) => script.ByokCost = Pico.Parse(text),
    };

    /// <summary>An empty script: the ordinary response.</summary>
    public static FakeScript None { get; } = new();

    /// <summary>Every header that a request may carry.</summary>
    public static IEnumerable<string> Names => [HeaderPrefix, .. Texts.Keys, .. Numbers.Keys];

    /// <summary><c>x-fake-id: abc</c>: the name under which <c>/__requests/abc</c> shows the request.</summary>
    public string? Id { get; private set; }

    /// <summary>Whether it says nothing but <see cref="Id"/>, so that a scenario still applies.</summary>
    public bool IsNameOnly { get; private set; }

    /// <summary><c>x-fake-status: 429</c>: the status of the response. Without a scripted body it has OpenRouter's error shape.</summary>
    public int? Status { get; private set; }

    /// <summary><c>x-fake-body: text</c> or <c>x-fake-body-base64: …</c>: the exact body of the response.</summary>
    public byte[]? Body { get; private set; }

    /// <summary><c>x-fake-content-type: text/html</c>: the content type of the response.</summary>
    public string? ContentType { get; private set; }

    /// <summary>
    /// <c>x-fake-header: Name: value</c>: a response header, added to those of the same name. For several headers the name may have any
    /// suffix (<c>x-fake-header-2</c>), since a proxy may join lines of one name.
    /// </summary>
    public List<KeyValuePair<string, string>> Headers { get; } = [];

    /// <summary><c>x-fake-echo: 1</c>: the response has the body and content type of the request.</summary>
    public bool Echo { get; private set; }

    /// <summary><c>x-fake-delay-ms: 500</c>: the delay before the response headers.</summary>
    public TimeSpan Delay { get; private set; }

    /// <summary><c>x-fake-first-byte-delay-ms: 500</c>: the delay between the headers, which are flushed, and the first byte.</summary>
    public TimeSpan FirstByteDelay { get; private set; }

    /// <summary><c>x-fake-early: 1</c>: the response is sent before the body is read, which is then not recorded.</summary>
    public bool Early { get; private set; }

    /// <summary><c>x-fake-close: 1</c>: the connection is closed without a response after the body has arrived.</summary>
    public bool Close { get; private set; }

    /// <summary>
    /// <c>x-fake-goaway: 1</c>: the connection takes no further requests after this one. HTTP/2 sends <c>GOAWAY</c>, HTTP/1.1
    /// <c>Connection: close</c>.
    /// </summary>
    public bool GoAway { get; private set; }

    /// <summary>
    /// <c>x-fake-refuse: 1</c>: the request is not processed and not billed. HTTP/2 resets its stream with <c>REFUSED_STREAM</c>; HTTP/1.1
    /// has no such thing, and the response is a 503.
    /// </summary>
    public bool Refuse { get; private set; }

    /// <summary><c>x-fake-size: 300000</c>: the size of a JSON response in bytes, or the total text size of a stream.</summary>
    public int Size { get; private set; }

    /// <summary><c>x-fake-gzip: 1</c>: the response is compressed with gzip, regardless of Accept-Encoding.</summary>
    public bool Gzip { get; private set; }

    /// <summary><c>x-fake-whitespace: 5</c>: spaces before a JSON response, each flushed and followed by a pause.</summary>
    public int Whitespace { get; private set; }

    /// <summary><c>x-fake-whitespace-ms: 100</c>: the pause after each space. Default: 20 ms.</summary>
    public TimeSpan WhitespaceInterval { get; private set; } = TimeSpan.FromMilliseconds(20);

    /// <summary><c>x-fake-chunked: 1</c>: a JSON response without Content-Length.</summary>
    public bool Chunked { get; private set; }

    /// <summary><c>x-fake-stream: 1</c>: an event stream, regardless of the body.</summary>
    public bool Stream { get; private set; }

    /// <summary>
    /// <c>x-fake-events: 20</c>: the number of text events of a stream, not counting those that open and close it. Default: 3.
    /// </summary>
    public int Events { get; private set; } = 3;

    /// <summary><c>x-fake-interval-ms: 50</c>: the pause after every event.</summary>
    public TimeSpan Interval { get; private set; }

    /// <summary>
    /// <c>x-fake-keepalives: 5</c>: the number of <c>: OPENROUTER PROCESSING</c> comments at the start of a stream. Default: 1.
    /// </summary>
    public int KeepAlives { get; private set; } = 1;

    /// <summary><c>x-fake-keepalive-ms: 100</c>: the pause after each of those comments.</summary>
    public TimeSpan KeepAliveInterval { get; private set; }

    /// <summary>
    /// <c>x-fake-stall-after: 3</c>: after this number of events of any kind (0: after the headers) nothing is sent until the client
    /// disconnects.
    /// </summary>
    public int? StallAfter { get; private set; }

    /// <summary><c>x-fake-cut-after: 3</c>: the connection is aborted after this number of events.</summary>
    public int? CutAfter { get; private set; }

    /// <summary><c>x-fake-cut-at-byte: 100</c>: the connection is aborted after this number of bytes of the body.</summary>
    public int? CutAtByte { get; private set; }

    /// <summary>
    /// <c>x-fake-end-after: 3</c>: the response ends after this number of events as if complete, without its closing events.
    /// </summary>
    public int? EndAfter { get; private set; }

    /// <summary>
    /// <c>x-fake-error-after: 3</c>: after this number of events the dialect's error event is sent, then the stream ends.
    /// </summary>
    public int? ErrorAfter { get; private set; }

    /// <summary><c>x-fake-error: 1</c>: status 200 with an error in the JSON body.</summary>
    public bool ErrorInside { get; private set; }

    /// <summary>
    /// <c>x-fake-step: 1</c>: the headers are flushed. Each piece (a comment, a space, an event, a part made by <c>x-fake-split</c>, a
    /// whole body) then waits until the test releases it with <see cref="ReceivedRequest.Release"/>.
    /// </summary>
    public bool Step { get; private set; }

    /// <summary><c>x-fake-split: 7</c>: the body is flushed in pieces of this number of bytes, at any boundary.</summary>
    public int Split { get; private set; }

    /// <summary><c>x-fake-split-ms: 1</c>: the pause after each of these pieces.</summary>
    public TimeSpan SplitInterval { get; private set; }

    /// <summary><c>x-fake-prompt-tokens: 5000</c>: the number of prompt tokens. Default: 11.</summary>
    public int? PromptTokens { get; private set; }

    /// <summary><c>x-fake-completion-tokens: 700</c>: the number of tokens of the whole response. Default: one per text event.</summary>
    public int? CompletionTokens { get; private set; }

    /// <summary><c>x-fake-bill-full: 1</c>: an aborted stream is billed in full, as some providers do.</summary>
    public bool BillFull { get; private set; }

    /// <summary><c>x-fake-bill-error: 1</c>: a status of 400 or above is billed like a successful response.</summary>
    public bool BillError { get; private set; }

    /// <summary><c>x-fake-no-usage: 1</c>: the response has no usage.</summary>
    public bool NoUsage { get; private set; }

    /// <summary><c>x-fake-no-generation-id: 1</c>: no <c>X-Generation-Id</c>; the request is billed, except for <see cref="ErrorInside"/>.</summary>
    public bool NoGenerationId { get; private set; }

    /// <summary>
    /// <c>x-fake-interim-cost: 0.01</c>: the first text event of a stream is followed by an event whose <c>usage</c> has this cost.
    /// </summary>
    public string? InterimCost { get; private set; }

    /// <summary>
    /// <c>x-fake-byok: 0.05</c>: the call uses the account's own key at the provider, which bills this amount beside OpenRouter's cost.
    /// </summary>
    public Int128? ByokCost { get; private set; }

    /// <summary><c>x-fake-cost-exponent: 1</c>: costs are written as <c>4.1e-05</c>.</summary>
    public bool CostExponent { get; private set; }

    /// <summary>
    /// <c>x-fake-generation-delay-ms: 1500</c>: the time after its end for which <c>GET /generation</c> does not know the generation.
    /// </summary>
    public TimeSpan? GenerationDelay { get; private set; }

    /// <summary><c>x-fake-generation-missing: 1</c>: <c>GET /generation</c> never knows the generation.</summary>
    public bool GenerationMissing { get; private set; }

    /// <summary><c>x-fake-generation-status: 500</c>: the status of <c>GET /generation</c> for the generation.</summary>
    public int? GenerationStatus { get; private set; }

    /// <summary><c>x-fake-generation-failures: 2</c>: the number of such requests that get that status. Default: all.</summary>
    public int? GenerationFailures { get; private set; }

    /// <summary>Reads lines of the form <c>x-fake-name: value</c>.</summary>
    public static FakeScript Parse(IEnumerable<string> lines)
    {
        var script = new FakeScript();
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || !script.TrySet(line[..colon], line[(colon + 1)..].Trim()))
            {
                throw new FormatException($"\"{line}\": expected one of the x-fake-… headers and its value");
            }
        }

        return script;
    }

    /// <summary>
    /// Reads a request's headers. Unknown <c>x-fake-…</c> names and invalid values are faults, so a misspelled header fails its test.
    /// </summary>
    /// <returns>The script; <see langword="null"/> if the request has none.</returns>
    public static FakeScript? Parse(IHeaderDictionary headers)
    {
        FakeScript? script = null;
        foreach (var (name, values) in headers)
        {
            if (!name.StartsWith("x-fake-", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            script ??= new FakeScript { IsNameOnly = true };
            script.IsNameOnly &= name.Equals("x-fake-id", StringComparison.OrdinalIgnoreCase);
            foreach (var value in values)
            {
                if (!script.TrySet(name, value ?? ""))
                {
                    throw new FormatException($"\"{name}: {value}\" is not an x-fake-… header with a valid value");
                }
            }
        }

        return script;
    }

    private void Apply(Fault fault)
    {
        if (fault == Faults.Down)
        {
            throw new FormatException($"\"{fault.Name}\" is a fault of the server, for scenarios only");
        }

        foreach (var line in fault.Script)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            TrySet(line[..colon], line[(colon + 1)..].Trim());
        }
    }

    private bool TrySet(string name, string value)
    {
        if (name.StartsWith(HeaderPrefix, StringComparison.OrdinalIgnoreCase)
            && value.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon)
        {
            Headers.Add(new(value[..colon], value[(colon + 1)..].Trim()));
            return true;
        }

        if (Texts.TryGetValue(name, out var setText))
        {
            setText(this, value);
            return true;
        }

        if (Numbers.TryGetValue(name, out var setNumber)
            && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            setNumber(this, number);
            return true;
        }

        return false;
    }
}
