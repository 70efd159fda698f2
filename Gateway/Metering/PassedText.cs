using System.Text.Json;

namespace Gateway.Metering;

/// <summary>
/// Estimates the tokens of the events that have passed, of which only the first one is parsed: a token per four bytes by which an event is
/// longer than its frame, which is that of the first event or the shortest event, and at least a token per event.
/// </summary>
internal struct PassedText
{
    private const int BytesPerToken = 4;

    // Chunks of OpenRouter have about 250 bytes besides their text. A first event that arrives in pieces is not parsed.
    private const int LongestFrame = 300;

    private long _events;
    private long _bytes;
    private int _frame;

    /// <summary>The estimate.</summary>
    public readonly long Tokens => Math.Max(_events, (_bytes - (_events * _frame)) / BytesPerToken);

    /// <summary>Adds an event.</summary>
    public void Add(ReadOnlySpan<byte> data) => Add(data.Length, _events == 0 ? data.Length - TextLength(data) : data.Length);

    /// <summary>Adds an event of which only the number of bytes is known.</summary>
    public void Add(int bytes) => Add(bytes, bytes);

    private void Add(int bytes, int frame)
    {
        _frame = Math.Min(frame, _events == 0 ? LongestFrame : _frame);
        _events++;
        _bytes += bytes;
    }

    /// <summary>
    /// The length of the longest string in a member <c>delta</c> or <c>text</c>, but for roles and types: nearly all that is not frame.
    /// </summary>
    private static int TextLength(ReadOnlySpan<byte> data)
    {
        var longest = 0;
        try
        {
            var reader = new Utf8JsonReader(data);
            var isWord = false;
            for (var depth = -1; reader.Read();)
            {
                if (reader.TokenType == JsonTokenType.PropertyName)
                {
                    isWord = reader.ValueTextEquals("role"u8) || reader.ValueTextEquals("type"u8);
                    depth = depth < 0 && (reader.ValueTextEquals("delta"u8) || reader.ValueTextEquals("text"u8)) ? reader.CurrentDepth : depth;
                    continue;
                }

                if (depth >= 0 && !isWord && reader.TokenType == JsonTokenType.String)
                {
                    longest = Math.Max(longest, reader.ValueSpan.Length);
                }

                var isOver = reader.CurrentDepth == depth && reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray);
                depth = isOver ? -1 : depth;
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Of an event that is damaged, the part before the damage counts. Half a surrogate pair in a name is an invalid operation.
        }

        return longest;
    }
}
