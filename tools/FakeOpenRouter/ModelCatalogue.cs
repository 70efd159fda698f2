using System.Collections.Immutable;
using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>A few models with prices in US dollars per token. Other names cost as much as <see cref="Otherwise"/>.</summary>
internal sealed class ModelCatalogue
{
    /// <summary>The default number of prompt tokens.</summary>
    public const int PromptTokens = 11;

    /// <summary>The router model, which selects another model.</summary>
    public const string RouterModel = "openrouter/auto";

    /// <summary>The model that the router always selects.</summary>
    public const string RoutedModel = "openai/gpt-4o-mini";

    // A router has no price of its own.
    private const string Router = "-1";
    private const string Free = ":free";

    // The prices that every entry of OpenRouter's list has.
    private static readonly (string Name, string Price)[] Rest = [("image", "0"), ("web_search", "0"), ("internal_reasoning", "0")];

    private static readonly ModelPrice Otherwise = ModelPrice.Parse("0.000001", "0.000002", "0");
    private static readonly ModelPrice Nothing = new(0, 0, 0);

    private ImmutableArray<Model> _models =
    [
        new("anthropic/claude-3-opus", "Anthropic: Claude 3 Opus", 200000, "0.000015", "0.000075")
        {
            Providers = ["anthropic", "google-vertex", "amazon-bedrock"],
        },
        new("anthropic/claude-sonnet-4.5", "Anthropic: Claude Sonnet 4.5", 1000000, "0.000003", "0.000015")
        {
            CanonicalSlug = "anthropic/claude-4.5-sonnet-20250929",
            Providers = ["anthropic", "google-vertex"],
            More = [("input_cache_read", "0.0000003"), ("input_cache_write", "0.00000375"), ("input_cache_write_1h", "0.000006")],
            Overrides = """
                [{"min_prompt_tokens":200000,"prompt":"0.000006","completion":"0.0000225","input_cache_write":"0.0000075","input_cache_write_1h":"0.000012"}]
                """,
        },
        new("anthropic/claude-opus-4.6", "Anthropic: Claude Opus 4.6", 1000000, "0.000005", "0.000025")
        {
            Providers = ["anthropic"],
            More = [("input_cache_write", "0.00000625"), ("input_cache_write_1h", "0.00001"), ("web_search", "0.01")],
        },
        new("anthropic/claude-opus-4.6-fast", "Anthropic: Claude Opus 4.6 (fast)", 1000000, "0.00003", "0.00015")
        {
            Providers = ["anthropic"],
        },
        new("openai/gpt-5.6", "OpenAI: GPT-5.6", 400000, "0.000002", "0.000016")
        {
            Providers = ["openai", "azure"],
            More = [("input_cache_write", "0.0000025")],
        },
        new("google/gemini-2.5-flash-image", "Google: Gemini 2.5 Flash Image", 32768, "0.0000003", "0.0000025")
        {
            Output = "image",
            Providers = ["google-vertex", "google-ai-studio"],
            More = [("image", "0.001238"), ("image_output", "0.00003"), ("audio", "0.000001")],
        },
        new("openai/gpt-4o", "OpenAI: GPT-4o", 128000, "0.0000025", "0.00001") { Providers = ["openai", "azure"] },
        new("openai/gpt-4o-mini", "OpenAI: GPT-4o-mini", 128000, "0.00000015", "0.0000006") { Providers = ["openai", "azure"] },
        new("mistralai/mixtral-8x7b-instruct", "Mistral: Mixtral 8x7B Instruct", 32768, "0.00000054", "0.00000054")
        {
            Providers = ["mistral", "deepinfra", "together"],
        },
        new("mistralai/ministral-3b", "Mistral: Ministral 3B", 131072, "0.000000040001", "0.000000000007") { Providers = ["mistral"] },
        new("perplexity/sonar", "Perplexity: Sonar", 127072, "0.000001", "0.000001") { Request = "0.005", Providers = ["perplexity"] },
        new("deepseek/deepseek-chat", "DeepSeek: Chat", 163840, "0.00000028", "0.00000042")
        {
            CanonicalSlug = "deepseek/deepseek-chat-v3",
            Providers = ["deepseek", "deepinfra"],
            Overrides = """[{"utc_start":30,"utc_end":830,"prompt":"0.00000056","completion":"0.00000084"}]""",
        },
        new("deepseek/deepseek-chat:free", "DeepSeek: Chat (free)", 163840, "0", "0")
        {
            CanonicalSlug = "deepseek/deepseek-chat-v3",
            Providers = ["deepinfra"],
        },
        new("deepseek/deepseek-chat:batch", "DeepSeek: Chat (batch)", 163840, "0.00000014", "0.00000021")
        {
            CanonicalSlug = "deepseek/deepseek-chat-v3",
            Providers = ["deepseek"],
        },
        new("meta-llama/llama-3.1-8b-instruct:free", "Meta: Llama 3.1 8B Instruct (free)", 131072, "0", "0")
        {
            CanonicalSlug = "meta-llama/llama-3.1-8b-instruct",
            Providers = ["deepinfra"],
        },
        new("meta-llama/llama-3.1-8b-instruct", "Meta: Llama 3.1 8B Instruct", 131072, "0.00000002", "0.00000003")
        {
            Providers = ["deepinfra", "together"],
        },
        new(RouterModel, "Auto Router", 2000000, Router, Router),
        new("openai/text-embedding-3-small", "OpenAI: Text Embedding 3 Small", 8192, "0.00000002", "0")
        {
            Output = "embeddings",
            Providers = ["openai", "azure"],
        },
        new("qwen/qwen3-embedding-8b", "Qwen: Qwen3 Embedding 8B", 32768, "0.000000012345", "0")
        {
            Output = "embeddings",
            Providers = ["deepinfra"],
        },
    ];

    /// <summary>The status of the catalogue's responses. With a status above 400 they have no models.</summary>
    public int Status { get; set; } = StatusCodes.Status200OK;

    /// <summary>
    /// Sets a model's prices, as decimal text in US dollars, for later requests. A new name is added to the end of the catalogue, with its
    /// canonical slug, or else its id in place of one.
    /// </summary>
    public void Set(string model, string prompt, string completion, string request = "0", string? slug = null)
    {
        _ = ModelPrice.Parse(prompt, completion, request);
        ImmutableInterlocked.Update(ref _models, models =>
        {
            var old = models.FirstOrDefault(candidate => candidate.Id == model);
            var changed = (old ?? new Model(model, model, 4096, prompt, completion) { Providers = ["openai"] }) with
            {
                Prompt = prompt,
                Completion = completion,
                Request = request,
                CanonicalSlug = slug ?? old?.CanonicalSlug,
            };
            return old is null ? models.Add(changed) : models.Replace(old, changed);
        });
    }

    /// <summary>The price of a model. A variant (<c>:nitro</c>) costs as much as its model, a free one nothing.</summary>
    public ModelPrice PriceOf(string? model)
    {
        if (Find(model) is { Prompt: not Router } listed)
        {
            return ModelPrice.Parse(listed.Prompt, listed.Completion, listed.Request);
        }

        var colon = model?.LastIndexOf(':') ?? -1;
        return colon < 0 ? Otherwise
            : model!.EndsWith(Free, StringComparison.Ordinal) ? Nothing
            : PriceOf(model[..colon]);
    }

    /// <summary>
    /// Writes the response of <c>GET /models</c> (text models, or those of every <paramref name="output"/>) or
    /// <c>GET /embeddings/models</c>. Returns its status.
    /// </summary>
    public int WriteAll(Utf8JsonWriter json, string? output)
    {
        if (Status >= 400)
        {
            json.WriteRawValue($$$"""{"error":{"code":{{{Status}}},"message":"Scripted error {{{Status}}}"}}""");
            return Status;
        }

        var models = _models.Where(model => output is null || model.Output == output).ToArray();
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var model in models)
        {
            json.WriteStartObject();
            json.WriteString("id", model.Id);
            json.WriteString("canonical_slug", model.CanonicalSlug ?? model.Id);
            json.WriteString("name", model.Name);
            json.WriteNumber("created", AnswerTemplates.Created);
            json.WriteNumber("context_length", model.ContextLength);
            json.WriteStartObject("architecture");
            json.WriteString("modality", $"text->{model.Output}");
            json.WriteStartArray("input_modalities");
            json.WriteStringValue("text");
            json.WriteEndArray();
            json.WriteStartArray("output_modalities");
            json.WriteStringValue(model.Output);
            json.WriteEndArray();
            json.WriteEndObject();
            WritePricing(json, model);
            json.WriteStartObject("top_provider");
            json.WriteNumber("context_length", model.ContextLength);
            json.WriteNull("max_completion_tokens");
            json.WriteBoolean("is_moderated", false);
            json.WriteEndObject();
            json.WriteStartArray("supported_parameters");
            json.WriteStringValue("max_tokens");
            json.WriteStringValue("temperature");
            json.WriteEndArray();
            json.WriteNull("per_request_limits");
            json.WriteNull("default_parameters");
            json.WriteNull("supported_voices");
            json.WriteStartObject("links");
            json.WriteString("details", $"/api/v1/models/{model.Id}/endpoints");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("total_count", models.Length);
        json.WriteStartObject("links");
        json.WriteNull("next");
        json.WriteEndObject();
        json.WriteEndObject();
        return StatusCodes.Status200OK;
    }

    /// <summary>
    /// Writes the response of <c>GET /models/{author}/{slug}/endpoints</c>. Returns <see langword="false"/> for an unknown model.
    /// </summary>
    public bool TryWriteEndpoints(Utf8JsonWriter json, string id)
    {
        if (Find(id) is not { } model)
        {
            return false;
        }

        json.WriteStartObject();
        json.WriteStartObject("data");
        json.WriteString("id", model.Id);
        json.WriteString("name", model.Name);
        json.WriteStartArray("endpoints");
        foreach (var provider in model.Providers)
        {
            json.WriteStartObject();
            json.WriteString("name", provider);
            json.WriteString("provider_name", provider);
            json.WriteString("tag", provider);
            json.WriteNumber("context_length", model.ContextLength);
            WritePricing(json, model);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        return true;
    }

    private Model? Find(string? id)
    {
        return id is null
            ? null
            : _models.FirstOrDefault(candidate => candidate.Id == id) ?? _models.FirstOrDefault(candidate => candidate.CanonicalSlug == id);
    }

    private static void WritePricing(Utf8JsonWriter json, Model model)
    {
        json.WriteStartObject("pricing");
        json.WriteString("prompt", model.Prompt);
        json.WriteString("completion", model.Completion);
        json.WriteString("request", model.Request);
        foreach (var (name, price) in Rest.Where(rest => model.More.All(more => more.Name != rest.Name)).Concat(model.More))
        {
            json.WriteString(name, price);
        }

        if (model.Overrides is { } overrides)
        {
            json.WritePropertyName("overrides");
            json.WriteRawValue(overrides);
        }

        json.WriteEndObject();
    }

    private sealed record Model(string Id, string Name, int ContextLength, string Prompt, string Completion)
    {
        public string? CanonicalSlug { get; init; }

        public string Request { get; init; } = "0";

        public string Output { get; init; } = "text";

        public string[] Providers { get; init; } = [];

        /// <summary>More prices by their names in the list. They are not billed.</summary>
        public (string Name, string Price)[] More { get; init; } = [];

        /// <summary>The list's <c>overrides</c> as JSON. They are not billed.</summary>
        public string? Overrides { get; init; }
    }
}
