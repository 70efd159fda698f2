using System.Text;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Recognises the names of routing members, escaped or not.</summary>
internal static class MemberNames
{
    public static BodyMemberName? Find(ReadOnlySpan<byte> key)
    {
        if (!key.Contains((byte)'\\'))
        {
            return FindPlain(key);
        }

        // "mod\u0065l" is `model` to OpenRouter's parsers. Decoding never lengthens a name, so the buffers suffice.
        Span<char> decoded = stackalloc char[key.Length];
        var length = JsonStringDecoder.Decode(key, decoded);
        Span<byte> plain = stackalloc byte[3 * length];
        return FindPlain(plain[..Encoding.UTF8.GetBytes(decoded[..length], plain)]);
    }

    private static BodyMemberName? FindPlain(ReadOnlySpan<byte> key) => key.Length switch
    {
        1 when key[0] == 'n' => BodyMemberName.Choices,
        5 when key.SequenceEqual("model"u8) => BodyMemberName.Model,
        5 when key.SequenceEqual("input"u8) => BodyMemberName.Input,
        5 when key.SequenceEqual("tools"u8) => BodyMemberName.Tools,
        5 when key.SequenceEqual("speed"u8) => BodyMemberName.Speed,
        6 when key.SequenceEqual("models"u8) => BodyMemberName.Models,
        6 when key.SequenceEqual("stream"u8) => BodyMemberName.Stream,
        6 when key.SequenceEqual("preset"u8) => BodyMemberName.Preset,
        6 when key.SequenceEqual("prompt"u8) => BodyMemberName.Prompt,
        7 when key.SequenceEqual("best_of"u8) => BodyMemberName.BestOf,
        7 when key.SequenceEqual("plugins"u8) => BodyMemberName.Plugins,
        8 when key.SequenceEqual("provider"u8) => BodyMemberName.Provider,
        8 when key.SequenceEqual("messages"u8) => BodyMemberName.Messages,
        9 when key.SequenceEqual("fallbacks"u8) => BodyMemberName.Fallbacks,
        9 when key.SequenceEqual("documents"u8) => BodyMemberName.Documents,
        10 when key.SequenceEqual("max_tokens"u8) => BodyMemberName.MaxTokens,
        10 when key.SequenceEqual("session_id"u8) => BodyMemberName.SessionId,
        11 when key.SequenceEqual("tool_choice"u8) => BodyMemberName.ToolChoice,
        11 when key.SequenceEqual("mcp_servers"u8) => BodyMemberName.McpServers,
        12 when key.SequenceEqual("service_tier"u8) => BodyMemberName.ServiceTier,
        14 when key.SequenceEqual("max_tool_calls"u8) => BodyMemberName.MaxToolCalls,
        16 when key.SequenceEqual("prompt_cache_key"u8) => BodyMemberName.PromptCacheKey,
        17 when key.SequenceEqual("max_output_tokens"u8) => BodyMemberName.MaxOutputTokens,
        18 when key.SequenceEqual("web_search_options"u8) => BodyMemberName.WebSearchOptions,
        19 when key.SequenceEqual("parallel_tool_calls"u8) => BodyMemberName.ParallelToolCalls,
        21 when key.SequenceEqual("max_completion_tokens"u8) => BodyMemberName.MaxCompletionTokens,
        22 when key.SequenceEqual("stop_server_tools_when"u8) => BodyMemberName.StopServerToolsWhen,
        _ => null,
    };
}
