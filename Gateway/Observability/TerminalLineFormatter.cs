using Serilog.Events;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>Text lines for a terminal. Request lines are converted for the formatter, which does not know them.</summary>
internal sealed class TerminalLineFormatter(ITextFormatter inner) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output) =>
        inner.Format(RequestLine.Of(logEvent)?.Spell(logEvent) ?? logEvent, output);
}
