using System.Text;
using Gateway.Primitives;

namespace Gateway.Observability;

/// <summary>
/// Writes JSON and escapes in it the characters that a terminal obeys, as <c>\uXXXX</c>. Serilog escapes only the characters for which JSON
/// requires it, so that C1 and bidirectional controls in model names and paths would reach a terminal that shows the log. Parsers read the
/// same text.
/// </summary>
internal sealed class EscapingWriter : TextWriter
{
    /// <summary>Receives the JSON.</summary>
    public TextWriter Output { get; set; } = Null;

    /// <inheritdoc />
    public override Encoding Encoding => Output.Encoding;

    /// <inheritdoc />
    public override void Write(char value)
    {
        if (TerminalText.IsObeyed(value))
        {
            Write([value]);
        }
        else
        {
            Output.Write(value);
        }
    }

    /// <inheritdoc />
    public override void Write(string? value) => Output.Write(value is null ? null : TerminalText.EscapeLines(value));

    /// <inheritdoc />
    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    /// <inheritdoc />
    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (TerminalText.HasObeyed(buffer))
        {
            Write(buffer.ToString());
        }
        else
        {
            Output.Write(buffer);
        }
    }
}
