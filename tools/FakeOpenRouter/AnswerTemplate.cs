using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace FakeOpenRouter;

/// <summary>
/// A response rendered once, with placeholders of the form <c>$name$</c> that are filled for each response. The part between <c>$usage$</c>
/// and <c>$end$</c> is left out of a response without usage.
/// </summary>
internal sealed partial class AnswerTemplate
{
    private readonly byte[][] _pieces;
    private readonly string[] _gaps;

    public AnswerTemplate(string text)
    {
        _pieces = [.. Gap().Split(text).Where((_, i) => i % 2 == 0).Select(Encoding.UTF8.GetBytes)];
        _gaps = [.. Gap().Matches(text).Select(match => match.Groups[1].Value)];
    }

    /// <summary>Writes the response.</summary>
    public void Write(IBufferWriter<byte> output, AnswerValues values)
    {
        var leavesOut = false;
        for (var i = 0; i < _pieces.Length; i++)
        {
            if (!leavesOut)
            {
                output.Write(_pieces[i]);
            }

            switch (i < _gaps.Length ? _gaps[i] : "end")
            {
                case "usage":
                    leavesOut = !values.TellsUsage;
                    break;
                case "end":
                    leavesOut = false;
                    break;
                case var gap when !leavesOut:
                    WriteGap(output, gap, values);
                    break;
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
                Encoding.UTF8.GetBytes(values.Usage.Cost, output);
                break;
            case "byok":
                output.Write(values.Usage.ByokCost is null ? "false"u8 : "true"u8);
                break;
            case "upstream":
                Encoding.UTF8.GetBytes(values.Usage.ByokCost ?? "null", output);
                break;
            default:
                throw new InvalidOperationException($"There is no value for the placeholder {gap}.");
        }
    }

    private static void WriteNumber(IBufferWriter<byte> output, long number)
    {
        var span = output.GetSpan(20);
        number.TryFormat(span, out var written, default, CultureInfo.InvariantCulture);
        output.Advance(written);
    }

    [GeneratedRegex(@"\$([a-z]+)\$")]
    private static partial Regex Gap();
}
