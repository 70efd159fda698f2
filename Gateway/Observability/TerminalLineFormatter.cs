using Serilog.Events;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>Lines for people: those of requests are spelled out for the formatter that knows no such lines.</summary>
internal sealed class TerminalLineFormatter(ITextFormatter inner) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output) =>
        inner.Format(RequestLine.Of(logEvent)?.Spell(logEvent) ?? logEvent, output);
}
