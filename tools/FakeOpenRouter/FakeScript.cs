using System.Globalization;
using System.Text;

namespace FakeOpenRouter;

/// <summary>
/// What a request asks the scripted upstream to do, told by its <c>x-fake-…</c> headers: each is described at its property, and in
/// the README's table.
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
        ["x-fake-body"] = static (script, text) => script.Body = Encoding.UTF8.GetBytes(text),
        ["x-fake-body-base64"] = static (script, text) => script.Body = Convert.FromBase64String(text),
        ["x-fake-content-type"] = static (script, text) => script.ContentType = text,
    };

    /// <summary>No header at all: the ordinary answer.</summary>
    public static FakeScript None { get; } = new();

    /// <summary>Every header that a request may carry.</summary>
    public static IEnumerable<string> Names => [HeaderPrefix, .. Texts.Keys, .. Numbers.Keys];

    /// <summary><c>x-fake-id: abc</c>: the name under which <c>/__requests/abc</c> shows the request.</summary>
    public string? Id { get; private set; }

    /// <summary><c>x-fake-status: 429</c>: the answer's status; without a body of its own it carries OpenRouter's error shape.</summary>
    public int? Status { get; private set; }

    /// <summary><c>x-fake-body: text</c> or <c>x-fake-body-base64: …</c>: the answer's body to the byte.</summary>
    public byte[]? Body { get; private set; }

    /// <summary><c>x-fake-content-type: text/html</c>: the answer's content type.</summary>
    public string? ContentType { get; private set; }

    /// <summary>
    /// <c>x-fake-header: Name: value</c>: a header of the answer, added to those of its name. For more of them the name may have any
    /// ending (<c>x-fake-header-2</c>), since a proxy may join lines of one name.
    /// </summary>
    public List<KeyValuePair<string, string>> Headers { get; } = [];

    /// <summary><c>x-fake-echo: 1</c>: the answer's body is the request's, with its content type.</summary>
    public bool Echo { get; private set; }

    /// <summary><c>x-fake-delay-ms: 500</c>: silence before the answer's headers.</summary>
    public TimeSpan Delay { get; private set; }

    /// <summary><c>x-fake-first-byte-delay-ms: 500</c>: silence between the headers, which are flushed, and the first byte.</summary>
    public TimeSpan FirstByteDelay { get; private set; }

    /// <summary><c>x-fake-early: 1</c>: the answer comes before the body is read, which then is not recorded.</summary>
    public bool Early { get; private set; }

    /// <summary><c>x-fake-close: 1</c>: no answer at all, the connection is closed once the body has arrived.</summary>
    public bool Close { get; private set; }

    /// <summary><c>x-fake-size: 300000</c>: the size of a JSON answer in bytes, or of a stream's text in all.</summary>
    public int Size { get; private set; }

    /// <summary><c>x-fake-gzip: 1</c>: the answer is gzip'd whatever the request accepts.</summary>
    public bool Gzip { get; private set; }

    /// <summary><c>x-fake-whitespace: 5</c>: blanks before a JSON answer, each flushed and followed by a pause.</summary>
    public int Whitespace { get; private set; }

    /// <summary><c>x-fake-whitespace-ms: 100</c>: the pause after each blank; 20 ms by default.</summary>
    public TimeSpan WhitespaceInterval { get; private set; } = TimeSpan.FromMilliseconds(20);

    /// <summary><c>x-fake-chunked: 1</c>: a JSON answer without Content-Length.</summary>
    public bool Chunked { get; private set; }

    /// <summary><c>x-fake-stream: 1</c>: an event stream whatever the body says.</summary>
    public bool Stream { get; private set; }

    /// <summary>
    /// <c>x-fake-events: 20</c>: how many events of text a stream has, besides those that open and close it; 3 by default.
    /// </summary>
    public int Events { get; private set; } = 3;

    /// <summary><c>x-fake-interval-ms: 50</c>: the pause after every event.</summary>
    public TimeSpan Interval { get; private set; }

    /// <summary><c>x-fake-keepalives: 5</c>: how many <c>: OPENROUTER PROCESSING</c> comments open a stream; 1 by default.</summary>
    public int KeepAlives { get; private set; } = 1;

    /// <summary><c>x-fake-keepalive-ms: 100</c>: the pause after each of those comments.</summary>
    public TimeSpan KeepAliveInterval { get; private set; }

    /// <summary>
    /// <c>x-fake-stall-after: 3</c>: after so many events of any kind (or the headers, for 0) silence until the client leaves.
    /// </summary>
    public int? StallAfter { get; private set; }

    /// <summary><c>x-fake-cut-after: 3</c>: after so many events the connection is aborted.</summary>
    public int? CutAfter { get; private set; }

    /// <summary><c>x-fake-cut-at-byte: 100</c>: after so many bytes of the answer's body the connection is aborted.</summary>
    public int? CutAtByte { get; private set; }

    /// <summary><c>x-fake-end-after: 3</c>: after so many events the answer ends as if complete, without its closing events.</summary>
    public int? EndAfter { get; private set; }

    /// <summary><c>x-fake-error-after: 3</c>: after so many events the dialect's own error event, then the end.</summary>
    public int? ErrorAfter { get; private set; }

    /// <summary><c>x-fake-error: 1</c>: status 200 with an error in the JSON body.</summary>
    public bool ErrorInside { get; private set; }

    /// <summary>
    /// <c>x-fake-step: 1</c>: the headers are flushed; then each piece (a comment, a blank, an event, what <c>x-fake-split</c> makes of
    /// them, a whole body) waits until the test releases it with <see cref="ReceivedRequest.Release"/>.
    /// </summary>
    public bool Step { get; private set; }

    /// <summary><c>x-fake-split: 7</c>: the body is flushed every so many bytes, wherever that falls.</summary>
    public int Split { get; private set; }

    /// <summary><c>x-fake-split-ms: 1</c>: the pause after each of those pieces.</summary>
    public TimeSpan SplitInterval { get; private set; }

    /// <summary><c>x-fake-prompt-tokens: 5000</c>: tokens of the prompt; 11 by default.</summary>
    public int? PromptTokens { get; private set; }

    /// <summary><c>x-fake-completion-tokens: 700</c>: tokens of the whole answer; one an event of text by default.</summary>
    public int? CompletionTokens { get; private set; }

    /// <summary><c>x-fake-bill-full: 1</c>: a stream that breaks off is billed in full, as some providers do.</summary>
    public bool BillFull { get; private set; }

    /// <summary><c>x-fake-bill-error: 1</c>: a status from 400 up is billed like an answer.</summary>
    public bool BillError { get; private set; }

    /// <summary><c>x-fake-no-usage: 1</c>: the answer tells no usage.</summary>
    public bool NoUsage { get; private set; }

    /// <summary><c>x-fake-no-generation-id: 1</c>: no <c>X-Generation-Id</c>; the call is billed all the same.</summary>
    public bool NoGenerationId { get; private set; }

    /// <summary><c>x-fake-cost-exponent: 1</c>: costs are written as <c>4.1e-05</c>.</summary>
    public bool CostExponent { get; private set; }

    /// <summary><c>x-fake-generation-delay-ms: 1500</c>: how long after its end <c>GET /generation</c> does not know the call.</summary>
    public TimeSpan? GenerationDelay { get; private set; }

    /// <summary><c>x-fake-generation-missing: 1</c>: <c>GET /generation</c> never knows the call.</summary>
    public bool GenerationMissing { get; private set; }

    /// <summary><c>x-fake-generation-status: 500</c>: the status of <c>GET /generation</c> for the call.</summary>
    public int? GenerationStatus { get; private set; }

    /// <summary><c>x-fake-generation-failures: 2</c>: only so many questions are answered with that status.</summary>
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
    /// Reads a request's headers; unknown <c>x-fake-…</c> names and bad values are faults, so that a test cannot misspell one.
    /// </summary>
    public static FakeScript Parse(IHeaderDictionary headers, FakeScript otherwise)
    {
        FakeScript? script = null;
        foreach (var (name, values) in headers)
        {
            if (!name.StartsWith("x-fake-", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            script ??= new FakeScript();
            foreach (var value in values)
            {
                if (!script.TrySet(name, value ?? ""))
                {
                    throw new FormatException($"\"{name}: {value}\" is no header of this program, or has no such value");
                }
            }
        }

        return script ?? otherwise;
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
