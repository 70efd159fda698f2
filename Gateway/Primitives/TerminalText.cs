using System.Buffers;
using System.Globalization;
using System.Text;

namespace Gateway.Primitives;

/// <summary>
/// Escapes the characters that a terminal obeys: control characters of C0 and C1 (ESC and CSI among them), DEL, bidirectional controls and
/// Unicode's line separators. Model names, paths and error texts come from clients and upstream; unescaped, they could rewrite the lines
/// above, hide text or forge a line.
/// </summary>
internal static class TerminalText
{
    private const string LineEnds = "\n\r\t";

    private static readonly SearchValues<char> Obeyed = SearchValues.Create(
    [
        .. Enumerable.Range(0, 0xA0).Select(code => (char)code).Where(char.IsControl),
        '\u061C', '\u200E', '\u200F', '\u2028', '\u2029',
        .. Enumerable.Range('\u202A', 5).Select(code => (char)code),
        .. Enumerable.Range('\u2066', 4).Select(code => (char)code),
    ]);

    /// <summary>Escapes a value or a line: line ends and tabs are escaped, too.</summary>
    public static string Escape(string text) => Escape(text, "");

    /// <summary>Escapes a text of several lines; line ends and tabs are kept.</summary>
    public static string EscapeLines(string text) => Escape(text, LineEnds);

    /// <summary>Whether <see cref="Escape(string)"/> would escape a character.</summary>
    public static bool IsObeyed(char letter) => Obeyed.Contains(letter);

    /// <summary>Whether <see cref="Escape(string)"/> would escape a character of a text.</summary>
    public static bool HasObeyed(ReadOnlySpan<char> text) => text.ContainsAny(Obeyed);

    private static string Escape(string text, ReadOnlySpan<char> kept)
    {
        if (!text.AsSpan().ContainsAny(Obeyed))
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        foreach (var letter in text)
        {
            if (Obeyed.Contains(letter) && !kept.Contains(letter))
            {
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:X4}");
            }
            else
            {
                escaped.Append(letter);
            }
        }

        return escaped.ToString();
    }
}
