using System.Globalization;
using Gateway.Primitives;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Gateway.Observability;

/// <summary>
/// Formats log events as text for a terminal: the local time, the level, then a request line as one short line
/// (<see cref="TerminalRequestLine"/>) and any other event as its message and exception. Escapes the characters that a terminal would obey:
/// a value stays on its line, and only line ends of exceptions are kept.
/// </summary>
/// <param name="hasColour">Whether the level is coloured.</param>
internal sealed class TerminalLineFormatter(bool hasColour) : ITextFormatter
{
    private const string Reset = "\u001B[0m";

    private readonly MessageTemplateTextFormatter _message = new("{Message:lj}{NewLine}{Exception}", CultureInfo.InvariantCulture);
    private readonly TerminalRequestLine _requests = new();

    /// <summary>
    /// Whether a terminal gets colours: unless <c>NO_COLOR</c> is set (no-color.org) or it is a dumb one. A console of Windows obeys no escape
    /// sequences unless a program asks it to.
    /// </summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static bool WantsColour(Func<string, string?> variable) =>
        !OperatingSystem.IsWindows() && string.IsNullOrEmpty(variable("NO_COLOR")) && variable("TERM") != "dumb";

    // Not thread-safe; ConsoleSink formats one event at a time.
    public void Format(LogEvent logEvent, TextWriter output)
    {
        Span<char> time = stackalloc char[16];
        logEvent.Timestamp.ToLocalTime().TryFormat(time, out var length, "HH:mm:ss.fff", CultureInfo.InvariantCulture);
        output.Write(time[..length]);
        output.Write(' ');
        WriteLevel(logEvent.Level, output);
        output.Write(' ');
        if (RequestLine.Of(logEvent) is { } line)
        {
            output.WriteLine(_requests.Format(line, TerminalRequestLine.MaxLength - length - " INF ".Length));
            return;
        }

        using var text = new StringWriter(CultureInfo.InvariantCulture);
        _message.Format(Escape(logEvent), text);
        output.Write(TerminalText.EscapeLines(text.ToString()));
    }

    private void WriteLevel(LogEventLevel level, TextWriter output)
    {
        var (name, colour) = level switch
        {
            LogEventLevel.Verbose => ("VRB", "\u001B[90m"),
            LogEventLevel.Debug => ("DBG", "\u001B[90m"),
            LogEventLevel.Information => ("INF", "\u001B[32m"),
            LogEventLevel.Warning => ("WRN", "\u001B[33m"),
            LogEventLevel.Error => ("ERR", "\u001B[31m"),
            LogEventLevel.Fatal => ("FTL", "\u001B[1;31m"),
            _ => throw new ArgumentOutOfRangeException(nameof(level), level, null),
        };
        output.Write(hasColour ? colour : "");
        output.Write(name);
        output.Write(hasColour ? Reset : "");
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
