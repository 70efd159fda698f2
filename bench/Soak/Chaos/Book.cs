using System.Globalization;
using System.Text.Json;

namespace Soak.Chaos;

/// <summary>The books of all upstreams, without calls that did not pass the gateway.</summary>
internal sealed class Book
{
    private readonly Dictionary<string, BookedCall> _calls = [];
    private readonly Lazy<ILookup<string, BookedCall>> _callsByScript;
    private readonly Dictionary<string, List<int>> _statuses = [];

    private Book() => _callsByScript = new(() => _calls.Values.ToLookup(call => call.ScriptId));

    /// <summary>The billed generations by id.</summary>
    public IReadOnlyDictionary<string, BookedCall> Calls => _calls;

    /// <summary>The scripted statuses of the requests that arrived, by <c>x-fake-id</c>.</summary>
    public IReadOnlyDictionary<string, List<int>> Statuses => _statuses;

    /// <param name="upstreams">The upstreams.</param>
    /// <param name="letter">The letter in the ids of the calls through the gateway.</param>
    public static async Task<Book> ReadAsync(IReadOnlyList<Upstream> upstreams, string letter)
    {
        var book = new Book();
        foreach (var upstream in upstreams)
        {
            using var json = await upstream.BookAsync();
            book.Add(json.RootElement, letter);
        }

        return book;
    }

    /// <summary>Whether upstream has sent a whole response with a text to a request.</summary>
    public bool HasSentWhole(string scriptId, string text) =>
        _callsByScript.Value[scriptId].Any(call => call is { IsBilled: true, Failed: false } && call.Text == text);

    private void Add(JsonElement json, string letter)
    {
        foreach (var entry in json.GetProperty("entries").EnumerateArray())
        {
            if (entry.GetProperty("script_id").GetString() is { } scriptId && IsOf(scriptId, letter))
            {
                var cost = long.Parse(entry.GetProperty("cost_pico").GetString()!, CultureInfo.InvariantCulture);
                var id = entry.GetProperty("id").GetString()!;
                _calls[id] = new BookedCall
                {
                    Id = id,
                    ScriptId = scriptId,
                    Cost = cost,
                    IsBilled = entry.GetProperty("billed").GetBoolean(),
                    Questions = entry.GetProperty("questions").GetInt32(),
                    Streams = entry.GetProperty("streamed").GetBoolean(),
                    Failed = entry.GetProperty("failed").GetBoolean(),
                    Words = entry.GetProperty("whole_completion_tokens").GetInt32(),
                };
            }
        }

        foreach (var request in json.GetProperty("statuses").EnumerateObject().Where(request => IsOf(request.Name, letter)))
        {
            if (!_statuses.TryGetValue(request.Name, out var statuses))
            {
                _statuses[request.Name] = statuses = [];
            }

            statuses.AddRange(request.Value.EnumerateArray().Select(status => status.GetInt32()));
        }
    }

    private static bool IsOf(string scriptId, string letter) =>
        scriptId.Split('.') is [_, _, var number] && number.StartsWith(letter, StringComparison.Ordinal);
}
