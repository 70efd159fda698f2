using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Tests.Support;

/// <summary>The facts that the scanner must find, read in a simple way: a full walk with the JSON reader of the framework.</summary>
internal static class NaiveScan
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = int.MaxValue };

    /// <summary>Whether the body is one JSON object; a byte order mark may stand in front, and the reader itself does not look at UTF-8.</summary>
    public static bool IsValid(byte[] body)
    {
        var start = BomLength(body);
        if (!Utf8.IsValid(body))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(body.AsSpan(start), Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The facts of a valid body in which no name has lone surrogates, which <see cref="Utf8JsonReader.GetString"/> cannot read.</summary>
    public static BodyFacts Facts(byte[] body)
    {
        var start = BomLength(body);
        var reader = new Utf8JsonReader(body.AsSpan(start), Options);
        reader.Read();
        var insertAt = start + (int)reader.TokenStartIndex + 1;
        var isEmpty = true;
        var members = new List<BodyMember>();
        var models = new List<ModelName>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            var keyStart = start + (int)reader.TokenStartIndex;
            BodyMemberName? name = reader.GetString() switch
            {
                "model" => BodyMemberName.Model,
                "models" => BodyMemberName.Models,
                "fallbacks" => BodyMemberName.Fallbacks,
                "provider" => BodyMemberName.Provider,
                "preset" => BodyMemberName.Preset,
                "stream" => BodyMemberName.Stream,
                "n" => BodyMemberName.Choices,
                "max_tokens" => BodyMemberName.MaxTokens,
                "max_completion_tokens" => BodyMemberName.MaxCompletionTokens,
                "max_output_tokens" => BodyMemberName.MaxOutputTokens,
                "session_id" => BodyMemberName.SessionId,
                "prompt_cache_key" => BodyMemberName.PromptCacheKey,
                "messages" => BodyMemberName.Messages,
                "input" => BodyMemberName.Input,
                "tools" => BodyMemberName.Tools,
                "tool_choice" => BodyMemberName.ToolChoice,
                "parallel_tool_calls" => BodyMemberName.ParallelToolCalls,
                "max_tool_calls" => BodyMemberName.MaxToolCalls,
                "stop_server_tools_when" => BodyMemberName.StopServerToolsWhen,
                "plugins" => BodyMemberName.Plugins,
                "web_search_options" => BodyMemberName.WebSearchOptions,
                "mcp_servers" => BodyMemberName.McpServers,
                "best_of" => BodyMemberName.BestOf,
                "prompt" => BodyMemberName.Prompt,
                "documents" => BodyMemberName.Documents,
                "service_tier" => BodyMemberName.ServiceTier,
                "speed" => BodyMemberName.Speed,
                _ => null,
            };
            reader.Read();
            var valueStart = start + (int)reader.TokenStartIndex;
            var kind = reader.TokenType switch
            {
                JsonTokenType.StartObject => JsonValueKind.Object,
                JsonTokenType.StartArray => JsonValueKind.Array,
                JsonTokenType.String => JsonValueKind.String,
                JsonTokenType.Number => JsonValueKind.Number,
                JsonTokenType.True => JsonValueKind.True,
                JsonTokenType.False => JsonValueKind.False,
                _ => JsonValueKind.Null,
            };
            var key = "";
            var depth = reader.CurrentDepth;
            var inEntryObject = false;
            do
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        key = reader.CurrentDepth == depth + 2 ? reader.GetString() : key;
                        break;
                    case JsonTokenType.StartObject when reader.CurrentDepth == depth + 1:
                        inEntryObject = true;
                        break;
                    case JsonTokenType.StartArray when reader.CurrentDepth == depth + 1:
                        inEntryObject = false;
                        break;
                    case JsonTokenType.String when IsModel(name, kind, reader.CurrentDepth - depth, inEntryObject, key):
                        var at = start + (int)reader.TokenStartIndex;
                        models.Add(new ModelName(reader.GetString()!, new ByteRange(at, start + (int)reader.BytesConsumed - at), members.Count));
                        break;
                }
            }
            while (reader.CurrentDepth > depth && reader.Read() || (IsOpen(reader.TokenType) && reader.Read()));

            insertAt = start + (int)reader.BytesConsumed;
            if (name is { } known)
            {
                var behind = insertAt;
                while (body[behind] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
                {
                    behind++;
                }

                members.Add(new BodyMember(
                    known, keyStart, new ByteRange(valueStart, insertAt - valueStart), kind, body[behind] == ',' ? behind + 1 : -1));
            }
        }

        return new BodyFacts(body.Length, insertAt, isEmpty, members, models, new ReadOnlySequence<byte>(body));
    }

    private static bool IsOpen(JsonTokenType type) => type is JsonTokenType.StartObject or JsonTokenType.StartArray;

    private static bool IsModel(BodyMemberName? name, JsonValueKind kind, int depth, bool inEntryObject, string? key) => name switch
    {
        BodyMemberName.Model => depth == 0,
        BodyMemberName.Models => kind == JsonValueKind.Array && depth == 1,
        BodyMemberName.Fallbacks => kind == JsonValueKind.Array && (depth == 1 || (depth == 2 && inEntryObject && key == "model")),
        _ => false,
    };

    private static int BomLength(byte[] body) => body is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0;
}
