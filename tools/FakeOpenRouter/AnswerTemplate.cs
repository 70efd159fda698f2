using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace FakeOpenRouter;

/// <summary>Bytes rendered once, with gaps of the form <c>$name$</c> that each answer fills.</summary>
internal sealed partial class AnswerTemplate
{
    private readonly byte[][] _pieces;
    private readonly string[] _gaps;

    public AnswerTemplate(string text)
    {
        _pieces = [.. Gap().Split(text).Where((_, i) => i % 2 == 0).Select(Encoding.UTF8.GetBytes)];
        _gaps = [.. Gap().Matches(text).Select(match => match.Groups[1].Value)];
    }

    /// <summary>Writes the answer.</summary>
    public void Write(IBufferWriter<byte> output, AnswerValues values)
    {
        for (var i = 0; i < _pieces.Length; i++)
        {
            output.Write(_pieces[i]);
            if (i < _gaps.Length)
            {
                WriteGap(output, _gaps[i], values);
            }
        }
    }

    private static void WriteGap(IBufferWriter<byte> output, string gap, AnswerValues values)
    {
        switch (gap)
        {
            case "id":
                Encoding.UTF8.GetBytes(values.Id, output);
                break;
            case "model":
                output.Write(values.Model.EncodedUtf8Bytes);
                break;
            case "provider":
                output.Write(values.Provider.EncodedUtf8Bytes);
                break;
            case "text":
                output.Write(values.Text.Span);
                break;
            case "n":
                WriteNumber(output, values.Index);
                break;
            case "sequence":
                WriteNumber(output, values.Sequence);
                break;
            case "prompt":
                WriteNumber(output, values.Usage.PromptTokens);
                break;
            case "completion":
                WriteNumber(output, values.Usage.CompletionTokens);
                break;
            case "total":
                WriteNumber(output, values.Usage.TotalTokens);
                break;
            case "cost":
                Encoding.UTF8.GetBytes(values.Usage.Cost.ToString("0.##################", CultureInfo.InvariantCulture), output);
                break;
            default:
                throw new InvalidOperationException($"No value is called {gap}.");
        }
    }

    private static void WriteNumber(IBufferWriter<byte> output, int number)
    {
        var span = output.GetSpan(11);
        number.TryFormat(span, out var written, default, CultureInfo.InvariantCulture);
        output.Advance(written);
    }

    [GeneratedRegex(@"\$([a-z]+)\$")]
    private static partial Regex Gap();
}
