using System.Text.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The routing members: the top-level members of a request body that the scan records. All other members are skipped.</summary>
internal enum BodyMemberName
{
    /// <summary><c>model</c>: the requested model.</summary>
    Model,

    /// <summary><c>models</c>: fallback models in order of priority.</summary>
    Models,

    /// <summary><c>fallbacks</c>: the fallback list of the <c>/messages</c> dialect, entries of the form <c>{"model": "…"}</c>.</summary>
    Fallbacks,

    /// <summary><c>provider</c>: OpenRouter's routing preferences.</summary>
    Provider,

    /// <summary><c>preset</c>: a preset named beside an ordinary model.</summary>
    Preset,

    /// <summary><c>stream</c>: whether the response is an event stream.</summary>
    Stream,

    /// <summary><c>n</c>: the number of completions.</summary>
    Choices,

    /// <summary><c>best_of</c>: the number of completions from which <c>n</c> are chosen.</summary>
    BestOf,

    /// <summary><c>max_tokens</c>: the maximum length of a completion.</summary>
    MaxTokens,

    /// <summary><c>max_completion_tokens</c>: the same in newer chat completions.</summary>
    MaxCompletionTokens,

    /// <summary><c>max_output_tokens</c>: the same in the <c>/responses</c> dialect.</summary>
    MaxOutputTokens,

    /// <summary><c>session_id</c>: the key of OpenRouter's sticky routing.</summary>
    SessionId,

    /// <summary><c>prompt_cache_key</c>: the key of sticky routing without a session.</summary>
    PromptCacheKey,

    /// <summary><c>messages</c>: the conversation of chat completions and of the <c>/messages</c> dialect.</summary>
    Messages,

    /// <summary><c>input</c>: the conversation of the <c>/responses</c> dialect, the texts of embeddings.</summary>
    Input,

    /// <summary><c>prompt</c>: the prompts of completions.</summary>
    Prompt,

    /// <summary><c>documents</c>: the documents that are ranked.</summary>
    Documents,

    /// <summary><c>tools</c>: the tools that the model may call.</summary>
    Tools,

    /// <summary><c>tool_choice</c>: which tool the model must call.</summary>
    ToolChoice,

    /// <summary><c>parallel_tool_calls</c>: whether the model may call several tools at once.</summary>
    ParallelToolCalls,

    /// <summary><c>max_tool_calls</c>: the maximum number of steps of a loop of server tools.</summary>
    MaxToolCalls,

    /// <summary><c>stop_server_tools_when</c>: the conditions that end a loop of server tools.</summary>
    StopServerToolsWhen,

    /// <summary><c>plugins</c>: OpenRouter's plugins.</summary>
    Plugins,

    /// <summary><c>web_search_options</c>: the options of a web search by OpenRouter.</summary>
    WebSearchOptions,

    /// <summary><c>mcp_servers</c>: MCP servers that the provider calls.</summary>
    McpServers,

    /// <summary><c>service_tier</c>: the tier of the provider.</summary>
    ServiceTier,

    /// <summary><c>speed</c>: the tier in the <c>/messages</c> dialect.</summary>
    Speed,
}

/// <summary>
/// One occurrence of a routing member. If a name occurs several times, the last occurrence counts, as in OpenRouter's parsers.
/// </summary>
/// <param name="Name">The member's name.</param>
/// <param name="Start">Offset of the opening quote of the name.</param>
/// <param name="Value">The value with its quotes or brackets, without white space around it.</param>
/// <param name="Kind">The JSON type of the value.</param>
/// <param name="CommaEnd">Offset after the comma that follows the value; -1 for the last member of the object.</param>
internal readonly record struct BodyMember(BodyMemberName Name, int Start, ByteRange Value, JsonValueKind Kind, int CommaEnd);
