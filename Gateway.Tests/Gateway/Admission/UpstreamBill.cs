using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>
/// OpenRouter's bill for a body by its documents, from a plain reading that shares no code with the gateway: the last duplicate
/// counts, each endpoint reads its own cap and writes up to it (4,096 tokens without one), a ranking is billed by the search, two bytes of
/// text are a token, an image or a document has up to 2,000 tokens, and everything whose place or type is not that of media is text. Server tools
/// call any model that they name, and cost as much beside it as stops them.
/// </summary>
/// <param name="prices">The list of models.</param>
/// <param name="maxCost">The cost at which server tools stop.</param>
internal sealed class UpstreamBill(string prices, decimal maxCost) : IDisposable
{
    private const decimal SearchPrice = 0.015m;
    private const int TokensPerMedia = 2000;

    private readonly JsonDocument _prices = JsonDocument.Parse(prices);

    public void Dispose() => _prices.Dispose();

    /// <summary>The bill in US dollars.</summary>
    /// <param name="path">The endpoint.</param>
    /// <param name="json">The body.</param>
    /// <param name="hour">The hour of the day, which some prices depend on.</param>
    public decimal Of(string path, string json, int hour)
    {
        using var document = JsonDocument.Parse(json);
        var body = document.RootElement;
        var prompt = new Prompt();
        foreach (var name in (string[])["messages", "input", "prompt", "tools", "query", "documents"])
        {
            if (body.TryGetProperty(name, out var value))
            {
                Read(value, name is "messages" or "input" ? Place.Conversation : Place.Text, prompt);
            }
        }

        var tokens = ((prompt.Text + 1) / 2) + prompt.Tokens + (prompt.Media * TokensPerMedia);
        var output = (path switch
        {
            "/v1/chat/completions" => Max(Number(body, "max_tokens"), Number(body, "max_completion_tokens")),
            "/v1/completions" or "/v1/messages" => Number(body, "max_tokens"),
            "/v1/responses" => Number(body, "max_output_tokens"),
            _ => null,
        }) ?? 4096;
        var choices = path switch
        {
            "/v1/chat/completions" => Number(body, "n") ?? 1,
            "/v1/completions" => Math.Max(Number(body, "n") ?? 1, Number(body, "best_of") ?? 1) * Prompts(body),
            _ => 1,
        };
        var requests = path == "/v1/rerank" ? Searches(body) : 1;
        var (toolModels, tools) = Tools(body);
        return Models(body).Concat(toolModels).Max(model => PriceOf(model, path, body, prompt, tokens, hour) switch
        {
            var price => Math.Max(price.Search, tools) + (requests * price.Request) + (tokens * price.Prompt) + (prompt.Media * price.Media) + (choices * output * price.Completion),
        });
    }

    private static IEnumerable<string> Models(JsonElement body)
    {
        yield return body.GetProperty("model").GetString()!;
        if (body.TryGetProperty("models", out var models))
        {
            foreach (var model in models.EnumerateArray())
            {
                yield return model.GetString()!;
            }
        }
    }

    /// <summary>The models that server tools and plugins call, and the most that these cost beside tokens.</summary>
    private (IReadOnlyList<string> Models, decimal Price) Tools(JsonElement body)
    {
        var (models, price) = (new List<string>(), 0m);
        foreach (var (name, key) in (ReadOnlySpan<(string, string)>)[("tools", "type"), ("plugins", "id")])
        {
            foreach (var tool in body.TryGetProperty(name, out var list) ? list.EnumerateArray().ToArray() : [])
            {
                var type = Text(tool, key);
                if (type == "function" || (tool.TryGetProperty("enabled", out var isEnabled) && isEnabled.ValueKind == JsonValueKind.False))
                {
                    continue;
                }

                price = Math.Max(price, type switch { "auto-router" => 0, "web" => SearchPrice, _ => maxCost });
                var chosen = tool.TryGetProperty("parameters", out var parameters) ? parameters : tool;
                foreach (var member in (string[])["analysis_models", "allowed_models"])
                {
                    models.AddRange(chosen.TryGetProperty(member, out var names) ? names.EnumerateArray().Select(static one => one.GetString()!) : []);
                }

                models.AddRange(Text(chosen, "model") is { } model ? [model] : []);
            }
        }

        return (models, price);
    }

    /// <summary>A search for every hundred documents. A document is split into pieces of 500 tokens, of which the query takes half at most.</summary>
    private static long Searches(JsonElement body)
    {
        const int PieceTokens = 500;
        var query = Math.Min(PieceTokens / 2, Tokens(body, "query"));
        if (!body.TryGetProperty("documents", out var documents) || documents.ValueKind != JsonValueKind.Array)
        {
            return 1;
        }

        var pieces = documents.EnumerateArray().Sum(document => Math.Max(1, Pieces(document)));
        return Math.Max(1, (pieces + 99) / 100);

        long Pieces(JsonElement document) => (TokensOf(document) + PieceTokens - query - 1) / (PieceTokens - query);

        static long Tokens(JsonElement body, string name) => body.TryGetProperty(name, out var value) ? TokensOf(value) : 0;

        static long TokensOf(JsonElement value)
        {
            var prompt = new Prompt();
            Read(value, Place.Text, prompt);
            return (prompt.Text + 1) / 2;
        }
    }

    private (decimal Prompt, decimal Completion, decimal Request, decimal Media, decimal Search) PriceOf(
        string name, string path, JsonElement body, Prompt prompt, long tokens, int hour)
    {
        var model = name.Trim().ToLowerInvariant();
        var isNitro = model.Contains(":nitro", StringComparison.Ordinal);
        var isOnline = model.Contains(":online", StringComparison.Ordinal);
        foreach (var variant in (string[])[":nitro", ":online", ":floor"])
        {
            model = model.Replace(variant, "", StringComparison.Ordinal);
        }

        var tier = Text(body, "service_tier");
        var readsTier = path is "/v1/chat/completions" or "/v1/responses" or "/v1/messages";
        var isFast = tier is "fast" or "priority" || Text(body, "speed") == "fast" || (isNitro && !(readsTier && tier is ("default" or "flex")))
            || (body.TryGetProperty("provider", out var provider) && provider.GetRawText().Contains("/priority", StringComparison.Ordinal));
        var factor = 1;
        if (isFast)
        {
            (model, factor) = Rows().Any(row => row.Id == model + "-fast") ? (model + "-fast", 1) : (model, 2);
        }

        var pricing = Rows().Where(row => row.Id == model).Select(row => row.Pricing)
            .Concat(Rows().Where(row => row.Slug == model && !row.Id.Contains(':')).Select(row => row.Pricing)).First();
        var (perPrompt, perCompletion) = (Price(pricing, "prompt"), Price(pricing, "completion"));
        if (pricing.TryGetProperty("overrides", out var overrides))
        {
            foreach (var one in overrides.EnumerateArray())
            {
                var isMet = (!one.TryGetProperty("min_prompt_tokens", out var least) || tokens > least.GetInt64())
                    && (!one.TryGetProperty("utc_start", out _) || hour is >= 22 or < 6);
                perPrompt = isMet && one.TryGetProperty("prompt", out _) ? Price(one, "prompt") : perPrompt;
                perCompletion = isMet && one.TryGetProperty("completion", out _) ? Price(one, "completion") : perCompletion;
            }
        }

        // Its owner lists it as a model that writes unasked.
        if (prompt.WritesCache || model == "a/unasked")
        {
            perPrompt = Math.Max(perPrompt, Price(pricing, prompt.WritesLong && pricing.TryGetProperty("input_cache_write_1h", out _)
                ? "input_cache_write_1h" : "input_cache_write"));
        }

        return (
            factor * perPrompt,
            factor * perCompletion,
            factor * Price(pricing, "request"),
            factor * Price(pricing, "image"),
            isOnline ? SearchPrice : 0);
    }

    private IEnumerable<(string Id, string? Slug, JsonElement Pricing)> Rows() => _prices.RootElement.GetProperty("data").EnumerateArray().Select(
        row => (row.GetProperty("id").GetString()!, Text(row, "canonical_slug"), row.GetProperty("pricing")));

    private static decimal Price(JsonElement pricing, string name) =>
        pricing.TryGetProperty(name, out var price) ? decimal.Parse(price.GetString()!, NumberStyles.Float, CultureInfo.InvariantCulture) : 0;

    private static long? Max(long? left, long? right) => left is null || right > left ? right : left;

    private static string? Text(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.GetDouble() is > 0 and var number
            ? (long)Math.Ceiling(number)
            : null;

    private static long Prompts(JsonElement body) =>
        body.TryGetProperty("prompt", out var prompt) && prompt.ValueKind == JsonValueKind.Array
            ? Math.Max(1, prompt.EnumerateArray().Count(one => one.ValueKind != JsonValueKind.Number))
            : 1;

    private static void Read(JsonElement value, Place place, Prompt prompt)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                prompt.Text += Encoding.UTF8.GetByteCount(value.GetString()!);
                break;
            case JsonValueKind.Number:
                prompt.Tokens++;
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Read(item, place, prompt);
                }

                break;
            case JsonValueKind.Object when place == Place.Conversation && value.TryGetProperty("type", out var type)
                && ReadMedia(type.GetString()!, value, prompt):
                break;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    prompt.WritesCache |= member.NameEquals("cache_control");
                    prompt.WritesLong |= member.NameEquals("ttl") && Text(value, "ttl") == "1h";
                    if (!member.NameEquals("type") && !member.NameEquals("role"))
                    {
                        Read(member.Value, member.NameEquals("content") ? place : Place.Text, prompt);
                    }
                }

                break;
        }
    }

    /// <summary>Reads a part by its type. Members that the type does not have are ignored.</summary>
    private static bool ReadMedia(string type, JsonElement part, Prompt prompt)
    {
        var (holder, name) = type switch
        {
            "image_url" => ("image_url", "url"),
            "input_image" => ("", "image_url"),
            "input_audio" => ("input_audio", "data"),
            "file" => ("file", "file_data"),
            "input_file" => ("", "file_data"),
            "image" or "document" => ("source", "data"),
            _ => (null, ""),
        };
        if (holder is null)
        {
            return false;
        }

        if ((holder.Length == 0 || (part.TryGetProperty(holder, out part) && part.ValueKind == JsonValueKind.Object))
            && Text(part, name) is { } data)
        {
            // A text in a document is read as text.
            var head = data.StartsWith("data:", StringComparison.Ordinal) ? data[5..data.IndexOf(',', StringComparison.Ordinal)] : Text(part, "media_type") ?? "audio/wav";
            if (head.StartsWith("text/", StringComparison.Ordinal) || head.StartsWith("application/json", StringComparison.Ordinal) || Text(part, "type") == "text")
            {
                prompt.Text += data.Length * 3 / 4;
            }
        }

        prompt.Media++;
        return true;
    }

    private enum Place
    {
        Text,
        Conversation,
    }

    private sealed class Prompt
    {
        public long Text { get; set; }

        public long Tokens { get; set; }

        public long Media { get; set; }

        public bool WritesCache { get; set; }

        public bool WritesLong { get; set; }
    }
}
