using System.Text;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>Recognises the member names and types of tools. Escapes are resolved first: <c>"ty\u0070e"</c> is <c>type</c> upstream.</summary>
internal static class ToolText
{
    /// <summary>Finds a member name.</summary>
    /// <param name="key">The bytes between the quotes.</param>
    public static ToolKey FindKey(ReadOnlySpan<byte> key)
    {
        if (!key.Contains((byte)'\\'))
        {
            return FindPlainKey(key);
        }

        Span<byte> plain = stackalloc byte[3 * key.Length];
        return FindPlainKey(plain[..Unescape(key, plain)]);
    }

    /// <summary>Finds who executes a tool of a type.</summary>
    /// <param name="type">The bytes between the quotes.</param>
    public static ToolKind KindOf(ReadOnlySpan<byte> type)
    {
        if (!type.Contains((byte)'\\'))
        {
            return KindOfPlain(type);
        }

        Span<byte> plain = stackalloc byte[3 * type.Length];
        return KindOfPlain(plain[..Unescape(type, plain)]);
    }

    /// <summary>Whether a value of <c>execution</c> is <c>client</c>.</summary>
    /// <param name="value">The bytes between the quotes.</param>
    public static bool IsClient(ReadOnlySpan<byte> value)
    {
        Span<byte> plain = stackalloc byte[3 * value.Length];
        return plain[..Unescape(value, plain)].SequenceEqual("client"u8);
    }

    private static ToolKey FindPlainKey(ReadOnlySpan<byte> key) => key.Length switch
    {
        2 when key.SequenceEqual("id"u8) => ToolKey.Id,
        4 when key.SequenceEqual("type"u8) => ToolKey.Type,
        5 when key.SequenceEqual("model"u8) => ToolKey.Model,
        5 when key.SequenceEqual("tools"u8) => ToolKey.Tools,
        6 when key.SequenceEqual("models"u8) => ToolKey.Models,
        6 when key.SequenceEqual("engine"u8) => ToolKey.Engine,
        6 when key.SequenceEqual("preset"u8) => ToolKey.Preset,
        7 when key.SequenceEqual("enabled"u8) => ToolKey.Enabled,
        9 when key.SequenceEqual("execution"u8) => ToolKey.Execution,
        9 when key.SequenceEqual("pin_model"u8) => ToolKey.PinModel,
        14 when key.SequenceEqual("allowed_models"u8) => ToolKey.AllowedModels,
        15 when key.SequenceEqual("analysis_models"u8) => ToolKey.AnalysisModels,
        _ => ToolKey.None,
    };

    private static ToolKind KindOfPlain(ReadOnlySpan<byte> type) => type switch
    {
        _ when type.SequenceEqual("function"u8) || type.SequenceEqual("custom"u8) || type.SequenceEqual("apply_patch"u8) => ToolKind.Client,
        _ when type.StartsWith("computer_"u8) || type.StartsWith("bash_"u8) || type.StartsWith("text_editor_"u8)
            || type.StartsWith("str_replace"u8) || type.StartsWith("memory_"u8) => ToolKind.Client,
        _ when type.SequenceEqual("namespace"u8) => ToolKind.Namespace,
        _ when type.SequenceEqual("tool_search"u8) => ToolKind.ToolSearch,
        _ when type.SequenceEqual("openrouter:bash"u8) => ToolKind.Bash,
        _ => ToolKind.Server,
    };

    // A character of three UTF-8 bytes is at least three bytes of JSON, so the plain text is at most three times as long as its UTF-16.
    private static int Unescape(ReadOnlySpan<byte> raw, Span<byte> plain)
    {
        Span<char> decoded = stackalloc char[raw.Length];
        return Encoding.UTF8.GetBytes(decoded[..JsonStringDecoder.Decode(raw, decoded)], plain);
    }
}
