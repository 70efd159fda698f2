using System.Globalization;
using System.IO.Compression;

namespace FakeOpenRouter;

/// <summary>A kind of damage to a response of a catalogue or account endpoint.</summary>
internal sealed class AnswerDamage
{
    // Kestrel's flush returns before the bytes are sent.
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
        new("too-long") { Size = 17 * 1024 * 1024 },
        new("gzip-bomb") { Encoding = "gzip", Padding = 17 * 1024 * 1024 },
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

    /// <summary>The names of all kinds of damage.</summary>
    public static IEnumerable<string> Names => Known.Select(damage => damage.Name);

    /// <summary>The name that scripts use.</summary>
    public string Name { get; }

    private static StringComparison Ordinal => StringComparison.Ordinal;

    private int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>A <c>Content-Encoding</c> that is declared although the body is plain, unless it has a <see cref="Padding"/>.</summary>
    private string? Encoding { get; init; }

    /// <summary>Whether the connection is aborted after the body, or before the response if no part of the body is sent.</summary>
    private bool IsCut { get; init; }

    /// <summary>The size of a body of spaces that replaces the response.</summary>
    private int Size { get; init; }

    /// <summary>The number of spaces after the body, which are compressed with it. The response is valid apart from its size.</summary>
    private int Padding { get; init; }

    /// <summary>Converts the good body to the damaged one. A character is a byte.</summary>
    private Func<string, string>? Change { get; init; }

    /// <summary>Finds the damage with a name.</summary>
    /// <exception cref="FormatException">There is no damage with this name.</exception>
    public static AnswerDamage Parse(string name) => Known.FirstOrDefault(damage => damage.Name == name)
        ?? throw new FormatException($"\"{name}\" is not a kind of damage; expected one of {string.Join(", ", Names)}");

    /// <summary>Sends the damaged form of a good body.</summary>
    public async Task AnswerAsync(HttpContext context, byte[] good)
    {
        var text = System.Text.Encoding.Latin1.GetString(good);
        byte[] body = Size > 0 ? Blanks(Size) : System.Text.Encoding.Latin1.GetBytes(Change?.Invoke(text) ?? text);
        if (Padding > 0)
        {
            body = Compress(body, Blanks(Padding));
        }

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

    // Replaces only the first occurrence, so that other entries stay valid.
    private static string Replace(string body, string old, string replacement) =>
        body.IndexOf(old, Ordinal) is >= 0 and var at ? $"{body[..at]}{replacement}{body[(at + old.Length)..]}" : body;

    private static byte[] Compress(byte[] body, byte[] padding)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(body);
            gzip.Write(padding);
        }

        return compressed.ToArray();
    }

    private static byte[] Blanks(int size)
    {
        var blanks = new byte[size];
        blanks.AsSpan().Fill((byte)' ');
        return blanks;
    }
}
