using System.Text.RegularExpressions;

namespace FakeOpenRouter;

/// <summary>
/// The responses of the inference endpoints, in the shapes that OpenRouter documents. Line breaks in the templates are not sent.
/// </summary>
/// <remarks>The part between <c>$usage$</c> and <c>$end$</c> is left out of responses without usage.</remarks>
internal static partial class AnswerTemplates
{
    /// <summary>The creation time in all responses, fixed so that they do not depend on the clock.</summary>
    public const long Created = 1767225600;

    private const string ChatUsage =
        """
        $usage$,"usage":{"prompt_tokens":$prompt$,"completion_tokens":$completion$,"total_tokens":$total$,"cost":$cost$,"is_byok":$byok$,
        "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},
        "cost_details":{"upstream_inference_cost":$upstream$,"upstream_inference_prompt_cost":0,"upstream_inference_completions_cost":0}}$end$
        """;

    private const string ResponsesUsage =
        """
        $usage$,"usage":{"input_tokens":$prompt$,"input_tokens_details":{"cached_tokens":0},"output_tokens":$completion$,
        "output_tokens_details":{"reasoning_tokens":0},"total_tokens":$total$,"cost":$cost$,"is_byok":$byok$,
        "cost_details":{"upstream_inference_cost":$upstream$,"upstream_inference_input_cost":0,"upstream_inference_output_cost":0}}$end$
        """;

    private const string MessagesUsage =
        """
        $usage$,"usage":{"input_tokens":$prompt$,"output_tokens":$completion$,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,
        "cost":$cost$,"is_byok":$byok$,"cost_details":{"upstream_inference_cost":$upstream$,"upstream_inference_input_cost":0,"upstream_inference_output_cost":0}}$end$
        """;

    private const string ClassicError =
        """
        {"id":"$id$","provider":"$provider$","model":"$model$","error":{"code":502,"message":"Provider returned error",
        "metadata":{"provider_name":"$provider$","raw":"overloaded"}},"user_id":"user_fake"}
        """;

    private const string ResponsesHead =
        """
        "id":"$id$","object":"response","created_at":1767225600,"model":"$model$","provider":"$provider$","parallel_tool_calls":true,"tools":[],
        "tool_choice":"auto","temperature":1,"top_p":1,"frequency_penalty":0,"presence_penalty":0,"metadata":{},"instructions":null,
        "incomplete_details":null,
        """;

    private const string ResponsesItem =
        """
        {"type":"message","id":"msg-$id$","status":"completed","role":"assistant",
        "content":[{"type":"output_text","text":"$text$","annotations":[]}]}
        """;

    private const string ResponsesPart = "\"item_id\":\"msg-$id$\",\"output_index\":0,\"content_index\":0,";

    private const string Sequence = ",\"sequence_number\":$sequence$";

    private const string ResponsesDone =
        "{" + ResponsesHead + "\"status\":\"completed\",\"completed_at\":1767225600,\"error\":null,"
        + "\"output\":[" + ResponsesItem + "]" + ResponsesUsage + "}";

    private const string ResponsesOpen =
        "{" + ResponsesHead + "\"status\":\"in_progress\",\"completed_at\":null,\"error\":null,\"output\":[],\"usage\":null}";

    private const string ResponsesFailed =
        "{" + ResponsesHead + "\"status\":\"failed\",\"completed_at\":null,"
        + "\"error\":{\"code\":\"server_error\",\"message\":\"Provider returned error\"},"
        + "\"output\":[],\"usage\":null,\"error_type\":\"server\"}";

    private const string ChunkHead =
        """
        {"id":"$id$","provider":"$provider$","model":"$model$","object":"chat.completion.chunk","created":1767225600,
        """;

    private const string CompletionHead =
        """
        {"id":"$id$","provider":"$provider$","model":"$model$","object":"text_completion","created":1767225600,
        """;

    /// <summary>An event that tells a cost before the end of a stream.</summary>
    public static AnswerTemplate Interim(string cost) => Data(
        """{"id":"$id$","model":"$model$","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"cost":""" + cost + "}}");

    public static Dialect Chat { get; } = new(
        Json(
            """
            {"id":"$id$","provider":"$provider$","model":"$model$","object":"chat.completion","created":1767225600,
            "system_fingerprint":null,
            "choices":[{"logprobs":null,"finish_reason":"stop","native_finish_reason":"stop","index":0,
            "message":{"role":"assistant","content":"$text$","refusal":null,"reasoning":null}}]
            """ + ChatUsage + "}"),
        Json(ClassicError),
        new(
            [],
            Data(ChunkHead +
                """
                "choices":[{"index":0,"delta":{"role":"assistant","content":"$text$"},"finish_reason":null,
                "native_finish_reason":null,"logprobs":null}]}
                """),
            [
                Data(ChunkHead +
                    """
                    "choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop",
                    "native_finish_reason":"stop","logprobs":null}]}
                    """),
                Data(ChunkHead + "\"choices\":[]" + ChatUsage + "}"),
                Data("[DONE]"),
            ],
            Data(ChunkHead +
                """
                "error":{"code":502,"message":"Provider disconnected","metadata":{"error_type":"provider_unavailable"}},
                "choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}
                """)));

    public static Dialect Completions { get; } = new(
        Json(CompletionHead +
            """
            "choices":[{"index":0,"text":"$text$","logprobs":null,"finish_reason":"stop","native_finish_reason":"stop"}]
            """ + ChatUsage + "}"),
        Json(ClassicError),
        new(
            [],
            Data(CompletionHead + "\"choices\":[{\"index\":0,\"text\":\"$text$\",\"finish_reason\":null,\"logprobs\":null}]}"),
            [
                Data(CompletionHead + "\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\",\"logprobs\":null}]}"),
                Data(CompletionHead + "\"choices\":[]" + ChatUsage + "}"),
                Data("[DONE]"),
            ],
            Data(ClassicError)));

    public static Dialect Responses { get; } = new(
        Json(ResponsesDone),
        Json(ResponsesFailed),
        new(
            [
                Event("response.created", Sequence + ",\"response\":" + ResponsesOpen),
                Event("response.in_progress", Sequence + ",\"response\":" + ResponsesOpen),
                Event(
                    "response.output_item.added",
                    Sequence +
                    """
                    ,"output_index":0,"item":{"type":"message","id":"msg-$id$","status":"in_progress","role":"assistant","content":[]}
                    """),
                Event(
                    "response.content_part.added",
                    Sequence + "," + ResponsesPart + "\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}"),
            ],
            Event("response.output_text.delta", Sequence + "," + ResponsesPart + "\"delta\":\"$text$\",\"logprobs\":[]"),
            [
                Event("response.output_text.done", Sequence + "," + ResponsesPart + "\"text\":\"$text$\",\"logprobs\":[]"),
                Event(
                    "response.content_part.done",
                    Sequence + "," + ResponsesPart + "\"part\":{\"type\":\"output_text\",\"text\":\"$text$\",\"annotations\":[]}"),
                Event("response.output_item.done", Sequence + ",\"output_index\":0,\"item\":" + ResponsesItem),
                Event("response.completed", Sequence + ",\"response\":" + ResponsesDone),
                Data("[DONE]"),
            ],
            Event("response.failed", Sequence + ",\"response\":" + ResponsesFailed)));

    public static Dialect Messages { get; } = new(
        Json(
            """
            {"id":"$id$","type":"message","role":"assistant","container":null,"model":"$model$","provider":"$provider$",
            "content":[{"type":"text","text":"$text$","citations":null}],"stop_reason":"end_turn","stop_sequence":null
            """ + MessagesUsage + "}"),
        Json("""{"type":"error","error":{"type":"api_error","message":"Provider returned error"},"request_id":"$id$"}"""),
        new(
            [
                Event(
                    "message_start",
                    """
                    ,"message":{"id":"$id$","type":"message","role":"assistant","model":"$model$","provider":"$provider$","content":[],
                    "stop_reason":null,"stop_sequence":null$usage$,"usage":{"input_tokens":$prompt$,"output_tokens":0}$end$}
                    """),
                Event("ping"),
                Event("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}"),
            ],
            Event("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"$text$\"}"),
            [
                Event("content_block_stop", ",\"index\":0"),
                Event("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null}" + MessagesUsage),
                Event("message_stop"),
            ],
            Event("error", ",\"error\":{\"type\":\"api_error\",\"message\":\"Provider disconnected\"}")));

    public static Dialect Images { get; } = new(
        Json("""{"created":1767225600,"data":[{"b64_json":"$text$","media_type":"image/png"}]""" + ChatUsage + "}"),
        Json(ClassicError),
        new(
            [],
            Event("image_generation.partial_image", ",\"partial_image_index\":$n$,\"b64_json\":\"$text$\""),
            [
                Event(
                    "image_generation.completed",
                    ",\"created\":1767225600,\"b64_json\":\"$text$\",\"media_type\":\"image/png\"" + ChatUsage),
                Data("[DONE]"),
            ],
            Event("error", ",\"error\":{\"code\":\"server_error\",\"message\":\"Provider disconnected\"}")));

    public static Dialect Embeddings { get; } = Embedding("[0.25,-0.5,0.125,1]");

    /// <summary>The same four numbers as little-endian floats, which most SDKs request.</summary>
    public static Dialect EmbeddingsBase64 { get; } = Embedding("\"AACAPgAAAL8AAAA+AACAPw==\"");

    public static Dialect Rerank { get; } = new(
        Json(
            """
            {"id":"$id$","model":"$model$","provider":"$provider$",
            "results":[{"index":0,"relevance_score":0.98,"document":{"text":"$text$"}}]
            $usage$,"usage":{"search_units":1,"total_tokens":$total$,"cost":$cost$,"is_byok":$byok$,"cost_details":{"upstream_inference_cost":$upstream$,"upstream_inference_prompt_cost":0,"upstream_inference_completions_cost":0}}$end$}
            """),
        Json(ClassicError));

    private static Dialect Embedding(string vector)
    {
        return new(
            Json(
                """
                {"id":"$id$","object":"list","model":"$model$","provider":"$provider$",
                "data":[{"object":"embedding","index":0,"embedding":
                """ + vector + """}]$usage$,"usage":{"prompt_tokens":$prompt$,"total_tokens":$prompt$,"cost":$cost$,"is_byok":$byok$,"cost_details":{"upstream_inference_cost":$upstream$,"upstream_inference_prompt_cost":0,"upstream_inference_completions_cost":0}}$end$}"""),
            Json(ClassicError));
    }

    private static AnswerTemplate Json(string json) => new(OneLine(json));

    private static AnswerTemplate Data(string json) => new($"data: {OneLine(json)}\n\n");

    private static AnswerTemplate Event(string name, string members = "")
    {
        return new($"event: {name}\ndata: {{\"type\":\"{name}\"{OneLine(members)}}}\n\n");
    }

    private static string OneLine(string json) => LineBreak().Replace(json, "");

    [GeneratedRegex(@"\r?\n")]
    private static partial Regex LineBreak();
}
