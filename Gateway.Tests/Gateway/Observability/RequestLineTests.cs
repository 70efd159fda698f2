using System.Text.Json;
using Gateway.Billing;
using Gateway.Observability;
using Gateway.Primitives;
using Microsoft.Extensions.Logging;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Parsing;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

/// <summary>A request's line is written by hand; it has to equal the line that Serilog would have written.</summary>
public sealed class RequestLineTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 23, 7, 8, 9, 123, TimeSpan.FromHours(1));

    [Theory]
    [InlineData(LogEventLevel.Information)]
    [InlineData(LogEventLevel.Warning)]
    [InlineData(LogEventLevel.Error)]
    public void CompactLine_IsWhatSerilogWrites(LogEventLevel level)
    {
        foreach (var line in new[] { Full, Empty })
        {
            var logged = line.ToEvent(At, level);

            var serilogs = Format(new CompactJsonFormatter(), Spell(line, logged)).Replace("\u2028", "\\u2028", StringComparison.Ordinal);
            Assert.Equal(serilogs, Format(new CompactLineFormatter(), logged));
        }
    }

    [Fact]
    public void CompactLine_EscapesWhatATerminalObeys()
    {
        var hostile = string.Concat(Enumerable.Range(0, 0x2100).Select(code => (char)code));
        var line = Format(
            new CompactLineFormatter(),
            new RequestLine
            {
                Method = "GET",
                Path = hostile,
                Status = 404,
                End = RequestEnd.Refused,
                Elapsed = 1,
                Model = hostile,
                RequestId = "abc",
                ConnectionId = "c",
            }.ToEvent(At, LogEventLevel.Information));
        var other = Format(new CompactLineFormatter(), new LogEvent(
            At,
            LogEventLevel.Error,
            new InvalidOperationException(hostile),
            new MessageTemplateParser().Parse("{Text} {List} \u009B"),
            [new("Text", new ScalarValue(hostile)), new("List", new SequenceValue([new ScalarValue(hostile), new ScalarValue('\u202E')]))]));

        foreach (var text in new[] { line, other })
        {
            Assert.Equal(text.TrimEnd('\r', '\n'), TerminalText.Escape(text.TrimEnd('\r', '\n')));
            using var json = JsonDocument.Parse(text);
            Assert.Equal(hostile, json.RootElement.GetProperty(text == line ? "Model" : "Text").GetString());
        }
    }

    [Fact]
    public void CompactLine_IsOneLineOfJson()
    {
        var text = Format(new CompactLineFormatter(), Full.ToEvent(At, LogEventLevel.Information));

        using var json = JsonDocument.Parse(text);
        Assert.Equal("2026-11-23T06:08:09.1230000Z", json.RootElement.GetProperty("@t").GetString());
        Assert.Equal("a \"quoted\"\nmödel\u2028", json.RootElement.GetProperty("Model").GetString());
        Assert.Equal(1.5, json.RootElement.GetProperty("FirstByteMs").GetDouble());
        Assert.Equal(7, json.RootElement.GetProperty("PromptTokens").GetInt64());
        Assert.Equal(1201, json.RootElement.GetProperty("EventId").GetProperty("Id").GetInt32());
        Assert.Equal(text.Length - 1, text.IndexOf('\n', StringComparison.Ordinal));
    }

    [Fact]
    public void OtherEvents_AreWrittenBySerilog()
    {
        var other = new LogEvent(
            At, LogEventLevel.Warning, new InvalidOperationException("no"), MessageTemplate.Empty, [new("Request", new ScalarValue(1))]);

        Assert.Equal(Format(new CompactJsonFormatter(), other), Format(new CompactLineFormatter(), other));
    }

    internal static RequestLine Full => new()
    {
        Method = "POST",
        Path = "/v1/chat/completions",
        Status = 200,
        End = RequestEnd.Completed,
        Elapsed = 0.1,
        FirstByte = 1.5,
        Model = "a \"quoted\"\nmödel\u2028",
        SentModel = "openai/gpt-4o",
        Rule = "one, two",
        BodyBytes = 960,
        Destination = "openrouter",
        SettingsVersion = "1fcd93ed3748",
        Reason = "Connection refused",
        Code = "upstream_unreachable",
        Attempts = 2,
        RequestId = "25fed430525952e3a3221f9142ba044f",
        GenerationId = "gen-1767225600-77777777",
        ConnectionId = "0HNQ95A5FPIP3",
        Team = new RequestLine.TeamPart
        {
            Id = "search",
            Key = "ci",
            FirstToken = 12345.6,
            AnsweredModel = "openai/gpt-4o-2024",
            Provider = "Azure",
            PromptTokens = 7,
            CompletionTokens = 1_000_000_000_000,
            Usd = "0.000000000001",
            BillState = "Settled",
            RemovedTools = "web_search, mcp",
            ReportedTools = "openrouter:files",
        },
    };

    internal static RequestLine Empty => new()
    {
        Method = "GET",
        Path = null,
        Status = 404,
        End = RequestEnd.Refused,
        Elapsed = 12.5,
        RequestId = "abc",
        ConnectionId = "c",
    };

    internal static string Format(Serilog.Formatting.ITextFormatter formatter, LogEvent logged)
    {
        using var text = new StringWriter();
        formatter.Format(logged, text);
        return text.ToString();
    }

    /// <summary>The event as Serilog would have created it: with the template and one property per member.</summary>
    private static LogEvent Spell(RequestLine line, LogEvent logged)
    {
        var properties = new PropertyList();
        line.WriteTo(properties);
        return new LogEvent(
            logged.Timestamp, logged.Level, null, new MessageTemplateParser().Parse(line.MessageTemplate), properties.Properties);
    }

    private sealed class PropertyList : ILogMembers
    {
        public List<LogEventProperty> Properties { get; } = [];

        public void Add(string name, string? value) => Properties.Add(new LogEventProperty(name, new ScalarValue(value)));

        public void Add(string name, long? value) => Properties.Add(new LogEventProperty(name, new ScalarValue(value)));

        public void Add(string name, double? value) => Properties.Add(new LogEventProperty(name, new ScalarValue(value)));

        public void AddEventId(EventId value) => Properties.Add(new LogEventProperty(nameof(EventId), new StructureValue(
        [
            new LogEventProperty(nameof(value.Id), new ScalarValue(value.Id)),
            new LogEventProperty(nameof(value.Name), new ScalarValue(value.Name)),
        ])));
    }
}
