using System.Globalization;
using Gateway.Primitives;
using Serilog.Events;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>
/// Formats log events as text for a terminal. Converts request lines first, since the inner formatter does not know them, and escapes what a
/// terminal would obey: a value stays on its line, and only line ends of exceptions are kept.
/// </summary>
internal sealed class TerminalLineFormatter(ITextFormatter inner) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        inner.Format(Escape(RequestLine.Of(logEvent)?.Spell(logEvent) ?? logEvent), text);
        output.Write(TerminalText.EscapeLines(text.ToString()));
    }

    private static LogEvent Escape(LogEvent logged) => new(
        logged.Timestamp,
        logged.Level,
        logged.Exception,
        logged.MessageTemplate,
        logged.Properties.Select(property => new LogEventProperty(property.Key, Escape(property.Value))));

    // Numbers and enums keep their type, and with it their format. The inner formatter quotes the texts in structures and lists.
    private static LogEventPropertyValue Escape(LogEventPropertyValue value) =>
        value is ScalarValue { Value: { } scalar and not ValueType } && scalar.ToString() is { } text
            ? new ScalarValue(TerminalText.Escape(text))
            : value;
}
