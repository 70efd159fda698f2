using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Sizes of the members that may hold tokens or several prompts: <c>input</c> of embeddings, <c>prompt</c> of completions.</summary>
internal static class TokenArray
{
    /// <summary>The bytes of text that a token counts as.</summary>
    public const int BytesPerToken = 4;

    private static readonly SearchValues<byte> TokenCharacters = SearchValues.Create("0123456789-,[] \t\r\n"u8);

    /// <summary>
    /// The bytes of text in an array: four per token if it consists of integers, else its bytes. A mixed array, which no endpoint takes,
    /// counts as the larger of both.
    /// </summary>
    /// <param name="array">The array with its brackets.</param>
    public static long CountText(in ReadOnlySequence<byte> array)
    {
        var isPure = true;
        long elements = 1;
        foreach (var segment in array)
        {
            isPure = isPure && !segment.Span.ContainsAnyExcept(TokenCharacters);
            elements += segment.Span.Count((byte)',');
        }

        var tokens = elements * BytesPerToken;
        return isPure ? tokens : Math.Max(tokens, array.Length);
    }

    /// <summary>The number of prompts in an array: its strings and arrays, or one if it consists of integers.</summary>
    /// <param name="array">The array with its brackets.</param>
    public static long CountPrompts(in ReadOnlySequence<byte> array)
    {
        var reader = new Utf8JsonReader(array, JsonText.AnyDepth);
        long prompts = 0;
        reader.Read();
        while (reader.Read() && reader.CurrentDepth > 0)
        {
            prompts += reader.TokenType == JsonTokenType.Number ? 0 : 1;
            reader.Skip();
        }

        return Math.Max(1, prompts);
    }
}
