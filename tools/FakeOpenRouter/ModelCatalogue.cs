using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>A few models with prices in US dollars a token; any other name costs what <see cref="Otherwise"/> says.</summary>
internal static class ModelCatalogue
{
    /// <summary>Tokens that every prompt is counted with.</summary>
    public const int PromptTokens = 11;

    private static readonly Model Otherwise = new("", "Any", 4096, "0.000001", "0.000002", ["openai"]);

    private static readonly Model[] Models =
    [
        new(
            "anthropic/claude-3-opus",
            "Anthropic: Claude 3 Opus",
            200000,
            "0.000015",
            "0.000075",
            ["anthropic", "google-vertex", "amazon-bedrock"]),
        new("anthropic/claude-sonnet-4.5", "Anthropic: Claude Sonnet 4.5", 1000000, "0.000003", "0.000015", ["anthropic", "google-vertex"]),
        new("openai/gpt-4o", "OpenAI: GPT-4o", 128000, "0.0000025", "0.00001", ["openai", "azure"]),
        new("openai/gpt-4o-mini", "OpenAI: GPT-4o-mini", 128000, "0.00000015", "0.0000006", ["openai", "azure"]),
        new("openai/text-embedding-3-small", "OpenAI: Text Embedding 3 Small", 8192, "0.00000002", "0", ["openai", "azure"]),
        new(
            "mistralai/mixtral-8x7b-instruct",
            "Mistral: Mixtral 8x7B Instruct",
            32768,
            "0.00000054",
            "0.00000054",
            ["mistral", "deepinfra", "together"]),
        new("meta-llama/llama-3.1-8b-instruct:free", "Meta: Llama 3.1 8B Instruct (free)", 131072, "0", "0", ["deepinfra"]),
    ];

    /// <summary>The bill for a call of this model.</summary>
    public static Usage Bill(string? model, int completionTokens)
    {
        var prices = Array.Find(Models, candidate => candidate.Id == model) ?? Otherwise;
        return new Usage(PromptTokens, completionTokens, (PromptTokens * prices.Prompt) + (completionTokens * prices.Completion));
    }

    /// <summary>The answer of <c>GET /models</c>.</summary>
    public static void WriteAll(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var model in Models)
        {
            json.WriteStartObject();
            json.WriteString("id", model.Id);
            json.WriteString("canonical_slug", model.Id);
            json.WriteString("name", model.Name);
            json.WriteNumber("created", AnswerTemplates.Created);
            json.WriteNumber("context_length", model.ContextLength);
            json.WriteStartObject("architecture");
            json.WriteString("modality", "text->text");
            json.WriteStartArray("input_modalities");
            json.WriteStringValue("text");
            json.WriteEndArray();
            json.WriteStartArray("output_modalities");
            json.WriteStringValue("text");
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
        json.WriteNumber("total_count", Models.Length);
        json.WriteStartObject("links");
        json.WriteNull("next");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>The answer of <c>GET /models/{author}/{slug}/endpoints</c>; <see langword="false"/> for an unknown model.</summary>
    public static bool TryWriteEndpoints(Utf8JsonWriter json, string id)
    {
        if (Array.Find(Models, candidate => candidate.Id == id) is not { } model)
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

    private static void WritePricing(Utf8JsonWriter json, Model model)
    {
        json.WriteStartObject("pricing");
        json.WriteString("prompt", model.PromptText);
        json.WriteString("completion", model.CompletionText);
        json.WriteString("request", "0");
        json.WriteString("image", "0");
        json.WriteEndObject();
    }

    private sealed record Model(string Id, string Name, int ContextLength, string PromptText, string CompletionText, string[] Providers)
    {
        public decimal Prompt { get; } = decimal.Parse(PromptText, System.Globalization.CultureInfo.InvariantCulture);

        public decimal Completion { get; } = decimal.Parse(CompletionText, System.Globalization.CultureInfo.InvariantCulture);
    }
}
