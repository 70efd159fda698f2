using System.Text.Json;

namespace Gateway.Upstream;

/// <summary>
/// Judges a JSON body: it is an error if it has an <c>error</c> and none of <c>choices</c>, <c>content</c>, <c>output</c>, <c>data</c>. A body
/// with one of these is decided as soon as its name and the beginning of its value have arrived.
/// </summary>
internal sealed class JsonJudge : IAnswerJudge
{
    // The part that is read: the beginning of the document, and the position after its last complete token.
    private int _start = -1;
    private int _at;
    private JsonReaderState _state;
    private bool _isOutputNext;

    /// <inheritdoc />
    public int DataEvents => 0;

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <inheritdoc />
    public AnswerVerdict Judge(ReadOnlySpan<byte> held, bool isWhole)
    {
        if (_start < 0)
        {
            var body = held.StartsWith(Mark) ? held[Mark.Length..] : held.Length < Mark.Length && Mark.StartsWith(held) ? default : held;
            body = body.TrimStart(" \t\r\n"u8);
            if (body.IsEmpty)
            {
                return AnswerVerdict.Undecided;
            }

            if (body[0] != (byte)'{')
            {
                return AnswerVerdict.Passes;
            }

            _start = _at = held.Length - body.Length;
        }

        try
        {
            return Read(held, isWhole);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // It is not JSON, or a name contains a lone surrogate.
            return AnswerVerdict.Passes;
        }
    }

    private AnswerVerdict Read(ReadOnlySpan<byte> held, bool isWhole)
    {
        var json = new Utf8JsonReader(held[_at..], isWhole, _state);
        while (json.Read())
        {
            if (_isOutputNext && json.TokenType != JsonTokenType.Null)
            {
                return AnswerVerdict.Passes;
            }

            _isOutputNext = json is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 }
                && (json.ValueTextEquals("choices"u8) || json.ValueTextEquals("content"u8) || json.ValueTextEquals("output"u8)
                    || json.ValueTextEquals("data"u8));
            if (json is { TokenType: JsonTokenType.EndObject, CurrentDepth: 0 })
            {
                var end = _at + (int)json.BytesConsumed;
                return AnswerDocument.TryRead(held[_start..end], out var document) && document is { HasError: true, HasOutput: false }
                    ? AnswerVerdict.Error(document.Status, data: null)
                    : AnswerVerdict.Passes;
            }
        }

        _at += (int)json.BytesConsumed;
        _state = json.CurrentState;
        return AnswerVerdict.Undecided;
    }
}
