using System.Buffers;
using Gateway.Metering;

namespace Gateway.Upstream;

/// <summary>
/// Judges an event stream by its first data. Comments, blank data, the events that open a stream (<c>response.created</c>,
/// <c>message_start</c>, <c>ping</c>…) and untyped objects without output are not data to judge by.
/// </summary>
internal sealed class EventJudge : IAnswerJudge
{
    // The beginning of the first event that is not judged yet.
    private int _at;

    /// <inheritdoc />
    public int DataEvents { get; private set; }

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <inheritdoc />
    public AnswerVerdict Judge(ReadOnlySpan<byte> held, bool isWhole)
    {
        if (_at == 0 && held.StartsWith(Mark))
        {
            _at = Mark.Length;
        }

        while (TryReadEvent(held[_at..], isWhole, out var length, out var name, out var data))
        {
            _at += length;
            var verdict = JudgeEvent(name, data);
            if (verdict.IsDecided)
            {
                return verdict;
            }
        }

        return AnswerVerdict.Undecided;
    }

    private AnswerVerdict JudgeEvent(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        if (data.TrimStart(" \t\n"u8).IsEmpty)
        {
            return AnswerVerdict.Undecided;
        }

        var isNamedError = IsError(ResponseFactsBuilder.EndOf(name));
        if (!AnswerDocument.TryRead(data, out var document) && !isNamedError)
        {
            return AnswerVerdict.Passes;
        }

        if (document.HasError || isNamedError || IsErrorType(document.Type))
        {
            return AnswerVerdict.Error(document.Status, data.ToArray());
        }

        var opens = document.Type switch
        {
            null => !document.HasOutput,
            "ping" or "message_start" or "response.created" or "response.in_progress" => true,
            _ => false,
        };
        DataEvents += document.Type == "ping" || name.SequenceEqual("ping"u8) ? 0 : 1;
        return opens ? AnswerVerdict.Undecided : AnswerVerdict.Passes;
    }

    private static bool IsErrorType(string? type) => type is "error" or "response.error" or "response.failed";

    private static bool IsError(ResponseEnd end) => end is ResponseEnd.Error or ResponseEnd.Failed;

    /// <summary>Reads the first event. Fails if it has not arrived completely. The end of the stream completes an event.</summary>
    private static bool TryReadEvent(
        ReadOnlySpan<byte> bytes, bool isWhole, out int length, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> data)
    {
        length = 0;
        name = default;
        data = default;
        var lines = 0;
        ArrayBufferWriter<byte>? joined = null;
        while (length < bytes.Length)
        {
            var rest = bytes[length..];
            var end = rest.IndexOfAny((byte)'\r', (byte)'\n');
            if (end < 0 && !isWhole)
            {
                return false;
            }

            var line = end < 0 ? rest : rest[..end];
            length += end < 0 ? rest.Length
                : end + (rest[end] == (byte)'\r' && end + 1 < rest.Length && rest[end + 1] == (byte)'\n' ? 2 : 1);
            if (line.IsEmpty)
            {
                return true;
            }

            if (TryReadField(line, "event"u8, out var value))
            {
                name = value;
            }
            else if (TryReadField(line, "data"u8, out value))
            {
                if (lines++ > 0)
                {
                    if (joined is null)
                    {
                        joined = new ArrayBufferWriter<byte>();
                        joined.Write(data);
                    }

                    joined.Write("\n"u8);
                    joined.Write(value);
                    data = joined.WrittenSpan;
                }
                else
                {
                    data = value;
                }
            }
        }

        return isWhole && lines > 0;
    }

    private static bool TryReadField(ReadOnlySpan<byte> line, ReadOnlySpan<byte> field, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!line.StartsWith(field))
        {
            return false;
        }

        value = line[field.Length..];
        if (value.IsEmpty)
        {
            return true;
        }

        if (value[0] != (byte)':')
        {
            return false;
        }

        value = SplitLine.WithoutBlank(value[1..]);
        return true;
    }
}
