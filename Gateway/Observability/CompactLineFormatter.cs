using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Json;

namespace Gateway.Observability;

/// <summary>
/// Formats log events as compact JSON (CLEF). Request lines are written directly from their values, all other events by
/// <see cref="CompactJsonFormatter"/>. Both escape the characters that a terminal obeys.
/// </summary>
internal sealed class CompactLineFormatter : ITextFormatter
{
    private readonly CompactJsonFormatter _others = new();
    private readonly Members _members = new(new EscapingWriter());

    // Not thread-safe; ConsoleSink formats one event at a time.
    public void Format(LogEvent logEvent, TextWriter output)
    {
        _members.Output = output;
        if (RequestLine.Of(logEvent) is not { } line)
        {
            _others.Format(logEvent, _members.Escaping);
            return;
        }

        Span<char> time = stackalloc char[32];
        logEvent.Timestamp.UtcDateTime.TryFormat(time, out var length, "O", CultureInfo.InvariantCulture);
        output.Write("{\"@t\":\"");
        output.Write(time[..length]);
        output.Write("\",\"@mt\":\"");
        output.Write(line.MessageTemplate);
        output.Write('"');
        if (logEvent.Level != LogEventLevel.Information)
        {
            output.Write(",\"@l\":\"");
            output.Write(logEvent.Level.ToString());
            output.Write('"');
        }

        line.WriteTo(_members);
        output.Write('}');
        output.WriteLine();
    }

    private sealed class Members(EscapingWriter escaping) : ILogMembers
    {
        /// <summary>Writes to <see cref="Output"/>, escaped.</summary>
        public TextWriter Escaping => escaping;

        public TextWriter Output
        {
            get => escaping.Output;
            set => escaping.Output = value;
        }

        public void Add(string name, string? value)
        {
            Name(name);
            if (value is null)
            {
                Output.Write("null");
            }
            else
            {
                JsonValueFormatter.WriteQuotedJsonString(value, escaping);
            }
        }

        public void Add(string name, long? value) => Number(name, value);

        public void Add(string name, double? value) => Number(name, value);

        public void AddEventId(EventId value)
        {
            Name(nameof(EventId));
            Output.Write("{\"Id\":");
            Output.Write(value.Id);
            Output.Write(",\"Name\":");
            JsonValueFormatter.WriteQuotedJsonString(value.Name!, Output);
            Output.Write('}');
        }

        private void Number<T>(string name, T? value)
            where T : struct, ISpanFormattable
        {
            Name(name);
            if (value is not { } number)
            {
                Output.Write("null");
                return;
            }

            Span<char> text = stackalloc char[32];
            number.TryFormat(text, out var length, default, CultureInfo.InvariantCulture);
            Output.Write(text[..length]);
        }

        private void Name(string name)
        {
            Output.Write(",\"");
            Output.Write(name);
            Output.Write("\":");
        }
    }
}
