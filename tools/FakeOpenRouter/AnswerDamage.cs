using System.Globalization;

namespace FakeOpenRouter;

/// <summary>One way in which an answer of a catalogue or account endpoint is damaged.</summary>
internal sealed class AnswerDamage
{
    // Kestrel's flush returns before the bytes are on the wire.
    private static readonly TimeSpan BeforeCut = TimeSpan.FromMilliseconds(50);

    private static readonly AnswerDamage[] Known =
    [
        new("404") { Status = 404, Change = _ => Error(404) },
        new("429") { Status = 429, Change = _ => Error(429) },
        new("503") { Status = 503, Change = _ => Error(503) },
        new("nothing") { IsCut = true },
        new("empty") { Change = _ => "" },
        new("html") { Change = _ => "<html>Bad gateway</html>" },
        new("cut") { IsCut = true, Change = body => body[..(body.Length / 2)] },
        new("truncated") { Change = body => body[..(body.Length / 2)] },
        new("too-long") { Size = 65 * 1024 * 1024 },
        new("gzip-lie") { Encoding = "gzip" },
        new("br-lie") { Encoding = "br" },
        new("deflate-lie") { Encoding = "deflate" },
        new("null-entry") { Change = body => Replace(body, "\"data\":[", "\"data\":[null,7,").Replace("\"data\":{", "\"data\":[null,{", Ordinal) },
        new("null-data") { Change = _ => """{"data":null}""" },
        new("array-root") { Change = body => $"[{body}]" },
        new("text-root") { Change = _ => "\"data\"" },
        new("surrogate-id") { Change = body => Replace(body, "\"id\":\"", "\"id\":\"\\ud800") },
        new("surrogate-value")
        {
            Change = body => Replace(Replace(body, "\"prompt\":\"", "\"prompt\":\"\\udc00"), "\"model\":\"", "\"model\":\"\\udc00"),
        },
        new("surrogate-name") { Change = body => Replace(Replace(body, "{", "{\"\\ud800\":1,"), "\"id\":", "\"\\udfff\":2,\"id\":") },
        new("too-deep") { Change = body => Replace(body, "{", $"{{\"deep\":{new string('[', 100)}{new string(']', 100)},") },
        new("duplicates") { Change = body => Replace(body, "{\"data\":", "{\"data\":7,\"data\":") },
        new("huge-number")
        {
            Change = body => Replace(Replace(body, "\"prompt\":\"", "\"prompt\":1e99999,\"was\":\""), "\"total_cost\":", "\"total_cost\":1e99999,\"was\":"),
        },
        new("bad-utf8") { Change = body => Replace(body, "\"id\":\"", "\"id\":\"\xff\xc0") },
    ];

    private AnswerDamage(string name) => Name = name;

    /// <summary>The names of all of them.</summary>
    public static IEnumerable<string> Names => Known.Select(damage => damage.Name);

    /// <summary>The name that scripts use.</summary>
    public string Name { get; }

    private static StringComparison Ordinal => StringComparison.Ordinal;

    private int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>What <c>Content-Encoding</c> says though the body is plain.</summary>
    private string? Encoding { get; init; }

    /// <summary>Whether the connection is aborted behind the body, or before any answer when nothing of the body is sent.</summary>
    private bool IsCut { get; init; }

    /// <summary>The size of a body of blanks in place of the answer.</summary>
    private int Size { get; init; }

    /// <summary>Makes the damaged body of the good one; a character is a byte.</summary>
    private Func<string, string>? Change { get; init; }

    /// <summary>The damage of that name.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static AnswerDamage Parse(string name) => Known.FirstOrDefault(damage => damage.Name == name)
        ?? throw new FormatException($"\"{name}\" is no damage; expected one of {string.Join(", ", Names)}");

    /// <summary>Answers with the damaged form of a good body.</summary>
    public async Task AnswerAsync(HttpContext context, byte[] good)
    {
        var text = System.Text.Encoding.Latin1.GetString(good);
        byte[] body = Size > 0 ? Blanks(Size) : System.Text.Encoding.Latin1.GetBytes(Change?.Invoke(text) ?? text);
        if (IsCut && Change is null)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = Status;
        context.Response.ContentType = "application/json";
        if (Encoding is not null)
        {
            context.Response.Headers.ContentEncoding = Encoding;
        }

        context.Response.ContentLength = IsCut ? good.Length : body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
        if (IsCut)
        {
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(BeforeCut, context.RequestAborted);
            context.Abort();
        }
    }

    private static string Error(int status) =>
        string.Create(CultureInfo.InvariantCulture, $$$"""{"error":{"code":{{{status}}},"message":"Scripted error {{{status}}}"}}""");

    // The first place only, so that other entries stay whole.
    private static string Replace(string body, string old, string replacement) =>
        body.IndexOf(old, Ordinal) is >= 0 and var at ? $"{body[..at]}{replacement}{body[(at + old.Length)..]}" : body;

    private static byte[] Blanks(int size)
    {
        var blanks = new byte[size];
        blanks.AsSpan().Fill((byte)' ');
        return blanks;
    }
}
