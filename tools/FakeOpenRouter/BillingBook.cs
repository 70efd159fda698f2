using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>
/// The bills of all generations, which a ledger is compared with. A request has an entry as soon as it has arrived, before the first byte
/// of a response and regardless of its outcome.
/// </summary>
internal sealed class BillingBook
{
    private readonly TimeSpan _generationDelay;
    private ConcurrentDictionary<string, BookEntry> _entries = new();
    private ConcurrentDictionary<string, ImmutableList<int>> _statuses = new();

    /// <param name="generationDelay">The time after its end for which <c>GET /generation</c> does not know a generation.</param>
    public BillingBook(TimeSpan generationDelay)
    {
        _generationDelay = generationDelay;
    }

    /// <summary>All generations in the order of their requests.</summary>
    public IReadOnlyList<BookEntry> Entries => [.. Volatile.Read(ref _entries).Values.OrderBy(entry => entry.Id, StringComparer.Ordinal)];

    /// <summary>The sum of all bills, in pico-dollars.</summary>
    public Int128 Total => Entries.Aggregate(Int128.Zero, static (sum, entry) => sum + entry.Cost);

    /// <summary>A mark that identifies a key: the beginning of its SHA-256 in hexadecimal digits.</summary>
    public static string MarkOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 8));

    /// <summary>The mark of the key that a request carries; <see langword="null"/> without one.</summary>
    public static string? MarkOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        var authorization = request.Headers.Authorization.ToString();
        var key = authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..].Trim()
            : request.Headers["x-api-key"].ToString();
        return key.Length > 0 ? MarkOf(key) : null;
    }

    /// <summary>The sum of all bills of a request's key, in pico-dollars.</summary>
    public Int128 UsageOf(HttpRequest request)
    {
        var key = MarkOf(request);
        return Entries.Where(entry => entry.Key == key).Aggregate(Int128.Zero, static (sum, entry) => sum + entry.Cost);
    }

    public bool TryGet(string id, [NotNullWhen(true)] out BookEntry? entry) => Volatile.Read(ref _entries).TryGetValue(id, out entry);

    public void Add(BookEntry entry) => Volatile.Read(ref _entries)[entry.Id] = entry;

    /// <summary>Records that a request with an <c>x-fake-id</c> has arrived as a whole and is responded to with a status.</summary>
    public void AddRequest(string scriptId, int status) =>
        Volatile.Read(ref _statuses).AddOrUpdate(scriptId, _ => [status], (_, statuses) => statuses.Add(status));

    /// <summary>Removes all generations and requests.</summary>
    public void Reset()
    {
        Volatile.Write(ref _entries, new ConcurrentDictionary<string, BookEntry>());
        Volatile.Write(ref _statuses, new ConcurrentDictionary<string, ImmutableList<int>>());
    }

    /// <summary>Writes the response of <c>GET /generation?id=</c>. Returns its status.</summary>
    public int WriteGeneration(Utf8JsonWriter json, HttpRequest request)
    {
        if (MarkOf(request) is not { } key)
        {
            json.WriteRawValue("""{"error":{"code":401,"message":"No auth credentials found"}}""");
            return StatusCodes.Status401Unauthorized;
        }

        var id = request.Query["id"].ToString();
        var status = TryGet(id, out var entry) ? entry.Ask(key, _generationDelay) : StatusCodes.Status404NotFound;
        if (status == StatusCodes.Status200OK)
        {
            Write(json, entry!);
        }
        else
        {
            json.WriteRawValue($$$"""{"error":{"code":{{{status}}},"message":"Generation {{{JsonEncodedText.Encode(id)}}} not found"}}""");
        }

        return status;
    }

    /// <summary>Writes the response of <c>GET /__book</c>.</summary>
    public void WriteAll(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("total_pico", Total.ToString(CultureInfo.InvariantCulture));
        json.WriteStartArray("entries");
        foreach (var entry in Entries)
        {
            json.WriteStartObject();
            json.WriteString("id", entry.Id);
            json.WriteString("script_id", entry.ScriptId);
            json.WriteString("key", entry.Key);
            json.WriteString("endpoint", entry.Endpoint);
            json.WriteString("model", entry.Model);
            json.WriteString("provider", entry.Provider);
            json.WriteString("cost_pico", entry.Cost.ToString(CultureInfo.InvariantCulture));
            json.WriteNumber("prompt_tokens", entry.PromptTokens);
            json.WriteNumber("completion_tokens", entry.CompletionTokens);
            json.WriteNumber("whole_completion_tokens", entry.AllCompletionTokens);
            json.WriteBoolean("streamed", entry.Streams);
            json.WriteBoolean("billed", entry.IsBilled);
            json.WriteBoolean("finished", entry.End != BookEnd.Open);
            json.WriteBoolean("cancelled", entry.End == BookEnd.Cancelled);
            json.WriteBoolean("failed", entry.End == BookEnd.Failed);
            json.WriteBoolean("id_sent", entry.IdSent);
            json.WriteNumber("questions", entry.Questions);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("statuses");
        foreach (var (id, statuses) in Volatile.Read(ref _statuses))
        {
            json.WriteStartArray(id);
            foreach (var status in statuses)
            {
                json.WriteNumberValue(status);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, BookEntry entry)
    {
        var completion = entry.IsBilled ? entry.CompletionTokens : 0;
        var milliseconds = (long)entry.Duration.TotalMilliseconds;
        json.WriteStartObject();
        json.WriteStartObject("data");
        json.WriteString("id", entry.Id);
        json.WriteString("upstream_id", "upstream-" + entry.Id);
        json.WritePropertyName("total_cost");
        json.WriteRawValue(entry.CostText);
        json.WritePropertyName("usage");
        json.WriteRawValue(entry.CostText);
        json.WriteNull("cache_discount");
        json.WritePropertyName("upstream_inference_cost");
        json.WriteRawValue(entry.ByokText ?? "null");
        json.WriteString("created_at", entry.CreatedAt);
        json.WriteString("model", entry.Model);
        json.WriteNull("app_id");
        json.WriteString("provider_name", entry.Provider);
        json.WriteString("data_region", "global");
        json.WriteString("service_tier", "default");
        json.WriteString("api_type", entry.Endpoint == "/embeddings" ? "embeddings" : "completions");
        json.WriteString("origin", "");
        json.WriteBoolean("is_byok", entry.ByokCost is not null);
        json.WriteBoolean("streamed", entry.Streams);
        json.WriteBoolean("cancelled", entry.End == BookEnd.Cancelled);
        json.WriteNumber("latency", milliseconds);
        json.WriteNull("moderation_latency");
        json.WriteNumber("generation_time", milliseconds);
        var finishReason = entry.End switch { BookEnd.Complete => "stop", BookEnd.Failed => "error", _ => null };
        json.WriteString("finish_reason", finishReason);
        json.WriteString("native_finish_reason", finishReason);
        json.WriteNumber("tokens_prompt", entry.PromptTokens);
        json.WriteNumber("tokens_completion", completion);
        json.WriteNumber("native_tokens_prompt", entry.PromptTokens);
        json.WriteNumber("native_tokens_completion", completion);
        json.WriteNumber("native_tokens_reasoning", 0);
        json.WriteNumber("native_tokens_cached", 0);
        json.WriteNull("num_media_prompt");
        json.WriteNull("num_media_completion");
        json.WriteNull("num_search_results");
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
