using Serilog.Events;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>
/// Formats log events as text for a terminal. Converts request lines first, since the inner formatter does not know them.
/// </summary>
internal sealed class TerminalLineFormatter(ITextFormatter inner) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output) =>
        inner.Format(RequestLine.Of(logEvent)?.Spell(logEvent) ?? logEvent, output);
}
