using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Billing;
using Gateway.Metering;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>The facts of an answer, found in a simple way: from a tree of the answer.</summary>
internal sealed class ParsedAnswer
{
    private readonly Dictionary<string, string> _texts = [];
    private Dictionary<string, object> _usage = [];
    private PicoDollars? _cost;
    private bool _hadCost;
    private bool _hasError;

    public ResponseFacts Facts
    {
        get
        {
            var prompt = Tokens("prompt_tokens")
                ?? (Tokens("input_tokens") + (Tokens("cache_read_input_tokens") ?? 0) + (Tokens("cache_creation_input_tokens") ?? 0));
            var completion = Tokens("output_tokens");
            return new ResponseFacts
            {
                Id = Text("id"),
                Model = Text("model"),
                Provider = Text("provider"),
                FinishReason = Text("stop_reason") ?? Text("reason") ?? Text("status"),
                HasError = _hasError,
                Usage = _usage.Count == 0 && !_hadCost ? null : new Usage
                {
                    PromptTokens = prompt is null && completion is null ? Tokens("total_tokens") : prompt,
                    CompletionTokens = completion,
                    CachedTokens = Tokens("cached_tokens") ?? Tokens("cache_read_input_tokens"),
                    ReasoningTokens = Tokens("reasoning_tokens"),
                    Cost = _cost,
                },
            };
        }
    }

    public void Read(JsonElement document)
    {
        ReadAnswer(document, (_usage, _cost, _hadCost), isRoot: true);
    }

    private void ReadAnswer(JsonElement answer, (Dictionary<string, object> Usage, PicoDollars? Cost, bool HadCost) before, bool isRoot)
    {
        if (answer.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var member in answer.EnumerateObject())
        {
            var value = member.Value;
            switch (member.Name)
            {
                case "id" or "model" or "provider" or "stop_reason":
                    NoteText(member.Name, value);
                    break;
                case "status"
                    when value.ValueKind != JsonValueKind.String || value.GetString() is not ("in_progress" or "queued" or "pending"):
                    NoteText(member.Name, value);
                    break;
                case "error":
                    _hasError |= IsError(value);
                    break;
                case "type" when isRoot && value.ValueKind == JsonValueKind.String:
                    _hasError |= value.GetString() is "error" or "response.error" or "response.failed";
                    break;
                case "incomplete_details":
                    Each(value, "reason", reason => NoteText("reason", reason));
                    break;
                case "delta" when isRoot:
                    Each(value, "stop_reason", reason => NoteText("stop_reason", reason));
                    break;
                case "message" or "response" when isRoot:
                    ReadAnswer(value, before, isRoot: false);
                    break;
                case "choices" when value.ValueKind == JsonValueKind.Array:
                    foreach (var choice in value.EnumerateArray())
                    {
                        Each(choice, "finish_reason", reason => NoteText("stop_reason", reason));
                        Each(choice, "error", error => _hasError |= IsError(error));
                    }

                    break;
                case "usage" when value.ValueKind == JsonValueKind.Object:
                    (_usage, _cost, _hadCost) = (new(before.Usage), before.Cost, before.HadCost);
                    ReadUsage(value);
                    break;
                case "usage" when value.ValueKind != JsonValueKind.Array:
                    (_usage, _cost, _hadCost) = before;
                    break;
            }
        }
    }

    private void ReadUsage(JsonElement usage)
    {
        foreach (var member in usage.EnumerateObject())
        {
            switch (member.Name)
            {
                case "prompt_tokens" or "input_tokens" or "total_tokens" or "cache_read_input_tokens" or "cache_creation_input_tokens":
                    NoteTokens(member.Name, member.Value);
                    break;
                case "completion_tokens" or "output_tokens":
                    NoteTokens("output_tokens", member.Value);
                    break;
                case "prompt_tokens_details" or "input_tokens_details":
                    Each(member.Value, "cached_tokens", value => NoteTokens("cached_tokens", value));
                    break;
                case "completion_tokens_details" or "output_tokens_details":
                    Each(member.Value, "reasoning_tokens", value => NoteTokens("reasoning_tokens", value));
                    break;
                case "cost" when member.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array):
                    // The last one counts, and one that cannot be read is unknown.
                    var text = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : member.Value.GetRawText();
                    _cost = PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var cost) && cost >= PicoDollars.Zero ? cost : null;
                    _hadCost |= _cost is not null;
                    break;
            }
        }
    }

    private static bool IsError(JsonElement value) =>
        value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False) && !(value.ValueKind == JsonValueKind.String && value.GetString() == "");

    private static void Each(JsonElement value, string name, Action<JsonElement> read)
    {
        foreach (var member in value.ValueKind == JsonValueKind.Object ? value.EnumerateObject() : default(IEnumerable<JsonProperty>) ?? [])
        {
            if (member.Name == name)
            {
                read(member.Value);
            }
        }
    }

    private void NoteText(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text && !text.Any(c => c < ' '))
        {
            _texts[name] = text;
        }
    }

    private void NoteTokens(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number
            && long.TryParse(value.GetRawText(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var tokens)
            && tokens is >= 0 and <= 1_000_000_000_000_000)
        {
            _usage[name] = tokens;
        }
    }

    private string? Text(string name) => _texts.GetValueOrDefault(name);

    private long? Tokens(string name) => _usage.TryGetValue(name, out var tokens) ? (long)tokens : null;
}
