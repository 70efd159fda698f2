using Gateway.Billing;
using Gateway.Observability;
using Gateway.Primitives;
using Serilog.Events;
using Serilog.Parsing;
using Xunit;
using static Gateway.Tests.Gateway.Observability.RequestLineTests;

namespace Gateway.Tests.Gateway.Observability;

/// <summary>Promise: on a terminal a request is one short line, without nulls and without characters that a terminal would obey (D9, D15).</summary>
public sealed class TerminalLineFormatterTests
{
    private const string Prefix = "07:08:09.123 INF ";
    private static readonly DateTimeOffset At = new(2026, 11, 23, 7, 8, 9, 123, TimeZoneInfo.Local.BaseUtcOffset);

    [Fact]
    public void Request_IsOneLineWithoutNulls()
    {
        Assert.Equal("GET 404 Refused 12.5 ms abc", Line(Empty));
        Assert.Equal(
            "POST /v1/chat/completions 402 budget_exceeded 1.4 ms search/ci gpt-4o > openai/gpt-4o-mini rule eu 25fed4305259…",
            Line(Call with { Status = 402, End = RequestEnd.Refused, Code = "budget_exceeded", Elapsed = 1.4, FirstByte = null, Team = Key }));
        Assert.Equal(
            "POST /v1/chat/completions 200 1.23 s search/ci gpt-4o > openai/gpt-4o-mini Azure 7+34 tok $0.0012 rule eu 25fed4305259…",
            Line(Call));
        Assert.Equal(
            "POST /v1/chat/completions 200 ClientLeft 1.23 s search/ci gpt-4o > openai/gpt-4o-mini $0.5 Provisional attempts 2 abc",
            Line(Call with
            {
                End = RequestEnd.ClientLeft,
                Attempts = 2,
                Rule = null,
                RequestId = "abc",
                Team = Key with { Usd = "0.5", BillState = "Provisional", FirstToken = 340 },
            }));
    }

    [Fact]
    public void LongLine_LosesTheLeastImportantFirst()
    {
        var name = "anthropic/" + new string('x', 300) + "-20260101";
        var line = Call with
        {
            Path = "/v1/" + new string('p', 500),
            Model = name,
            SentModel = name + "-sent",
            Rule = name,
            Reason = name,
            GenerationId = name,
            Team = Key with { Id = new string('t', 64), Key = new string('k', 64), Provider = name, AnsweredModel = name + "-answered", Usd = "0.000000000001" },
        };

        var text = Line(line);

        Assert.InRange(Prefix.Length + text.Length, 120, TerminalRequestLine.MaxLength);
        Assert.DoesNotContain("rule", text, StringComparison.Ordinal);
        Assert.Contains("…", text, StringComparison.Ordinal);
        Assert.EndsWith(" 25fed4305259…", text, StringComparison.Ordinal);
        var named = Line(line with { Path = "/v1/messages", Team = null, RequestId = "abc" });
        Assert.Contains(
            " anthropic/xx…260101-sent > anthropic/xx…xx-20260101 abc",
            Line(line with { Path = "/v1/messages", Model = null, RequestId = "abc", Team = Key with { AnsweredModel = name } }),
            StringComparison.Ordinal);
    }

    /// <summary>Names of the length that models have, with and without an alias, a version that answers, a failure and a long team.</summary>
    [Theory]
    [InlineData("anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5", "anthropic/claude-4.5-sonnet-20250929", "search", null)]
    [InlineData("meta-llama/llama-3.2-11b-vision-instruct:free", "meta-llama/llama-3.2-11b-vision-instruct:free", null, "platform-engineering", "upstream_disconnected")]
    [InlineData("smart", "mistralai/mistral-small-3.2-24b-instruct", "mistralai/mistral-small-3.2-24b-instruct-2506", "search", "upstream_timeout")]
    [InlineData("qwen/qwen3-next-80b-a3b-instruct:free", "deepseek/deepseek-r1-distill-llama-70b", "deepseek/deepseek-r1-distill-llama-70b-2", "search", null)]
    public void OrdinaryCall_HasItsEssentialsWithin140Characters(string asked, string sent, string? answered, string team, string? code)
    {
        var text = Line(Call with
        {
            Model = asked,
            SentModel = sent,
            Code = code,
            Elapsed = 123_456,
            Attempts = 3,
            GenerationId = "gen-1763871234-abcdefghijklmnopqrst",
            Team = Call.Team! with { Id = team, AnsweredModel = answered, PromptTokens = 123_456, CompletionTokens = 12_345, Usd = "0.123456789012" },
        });

        Assert.InRange(Prefix.Length + text.Length, 70, 140);
        Assert.StartsWith("POST /v1/chat/completions 200 ", text, StringComparison.Ordinal);
        Assert.Contains($" 123.46 s {team}/ci ", text, StringComparison.Ordinal);
        Assert.EndsWith(" 25fed4305259…", text, StringComparison.Ordinal);
    }

    /// <summary>Characters count as they are shown, and the path gives way where nothing else may be left out.</summary>
    [Theory]
    [InlineData('\u001B', "search", "ci", null)]
    [InlineData('\u202E', "search", "ci", null)]
    [InlineData('x', "a-team-with-a-very-long-name-of-its-own-that-goes-on-and-on", "a label that is as long as a label may be, or nearly so", "endpoint_not_allowed")]
    public void LongParts_StayWithin140Characters(char letter, string team, string label, string? code)
    {
        var text = Line(Call with
        {
            Method = "PROPFIND",
            Path = "/v1/" + new string(letter, 60),
            Model = new string(letter, 40),
            SentModel = null,
            Code = code,
            Elapsed = 123_456,
            Team = Call.Team! with { Id = team, Key = label },
        });

        Assert.InRange(Prefix.Length + text.Length, 70, 140);
        Assert.StartsWith("PROPFIND /v1/", text, StringComparison.Ordinal);
        Assert.DoesNotContain(text, TerminalText.IsObeyed);
    }

    [Fact]
    public void WhatATerminalObeys_IsEscaped()
    {
        var line = Line(new Parts
        {
            Method = "GET",
            Path = "/a\n00:00:00.000 INF forged",
            Status = 404,
            End = RequestEnd.Refused,
            Elapsed = 12.5,
            Model = "x\u001B[2K\u202E\u009B",
            RequestId = "abc",
        });

        Assert.Equal("GET /a\\u000A00:00:00.000 INF forged 404 Refused 12.5 ms x\\u001B[2K\\u202E\\u009B abc", line);

        var other = Format(new TerminalLineFormatter(hasColour: false), new LogEvent(
            At,
            LogEventLevel.Error,
            new InvalidOperationException("one\u001B\ntwo"),
            new MessageTemplateParser().Parse("{Text} {Count} {List}"),
            [
                new("Text", new ScalarValue("a\u001B\nb")), new("Count", new ScalarValue(7)),
                new("List", new SequenceValue([new ScalarValue("c\u009B")])),
            ]));
        Assert.Equal(
            $"ERR a\\u001B\\u000Ab 7 [\"c\\u009B\"]{Environment.NewLine}System.InvalidOperationException: one\\u001B\ntwo", other[13..].TrimEnd());
    }

    [Theory]
    [InlineData(LogEventLevel.Verbose, "VRB", "[90m")]
    [InlineData(LogEventLevel.Debug, "DBG", "[90m")]
    [InlineData(LogEventLevel.Information, "INF", "[32m")]
    [InlineData(LogEventLevel.Warning, "WRN", "[33m")]
    [InlineData(LogEventLevel.Error, "ERR", "[31m")]
    [InlineData(LogEventLevel.Fatal, "FTL", "[1;31m")]
    public void Level_IsColoured(LogEventLevel level, string name, string colour)
    {
        Assert.Contains($" \u001B{colour}{name}\u001B[0m GET", Format(new TerminalLineFormatter(hasColour: true), Empty.ToEvent(At, level)), StringComparison.Ordinal);
        Assert.Contains($" {name} GET", Format(new TerminalLineFormatter(hasColour: false), Empty.ToEvent(At, level)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "xterm-256color", true)]
    [InlineData(null, null, true)]
    [InlineData("", "xterm", true)]
    [InlineData("1", "xterm", false)]
    [InlineData("0", null, false)]
    [InlineData(null, "dumb", false)]
    public void Colour_IsTheEnvironmentsChoice(string? noColour, string? terminal, bool expected) => Assert.Equal(
        expected && !OperatingSystem.IsWindows(),
        TerminalLineFormatter.WantsColour(name => name == "NO_COLOR" ? noColour : name == "TERM" ? terminal : null));

    private static Parts Call => new()
    {
        Method = "POST",
        Path = "/v1/chat/completions",
        Status = 200,
        Elapsed = 1234,
        FirstByte = 339,
        Model = "gpt-4o",
        SentModel = "openai/gpt-4o-mini",
        Rule = "eu",
        Attempts = 1,
        RequestId = "25fed430525952e3a3221f9142ba044f",
        Team = Key with
        {
            FirstToken = 340,
            AnsweredModel = "openai/gpt-4o-mini",
            Provider = "Azure",
            PromptTokens = 7,
            CompletionTokens = 34,
            Usd = "0.0012",
            BillState = "Settled",
        },
    };

    private static RequestLine.TeamPart Key => new() { Id = "search", Key = "ci" };

    private static string Line(Parts parts) => Line(parts.ToLine());

    /// <summary>The line without its time and level.</summary>
    private static string Line(RequestLine line)
    {
        var text = Format(new TerminalLineFormatter(hasColour: false), line.ToEvent(At, LogEventLevel.Information));
        Assert.EndsWith(Environment.NewLine, text, StringComparison.Ordinal);
        Assert.Matches(@"^\d\d:\d\d:\d\d\.123 INF ", text);
        return text[Prefix.Length..].TrimEnd();
    }

    /// <summary>The members of a line, to be changed one by one.</summary>
    private sealed record Parts
    {
        public required string Method { get; init; }

        public required string? Path { get; init; }

        public required int Status { get; init; }

        public RequestEnd End { get; init; }

        public string? Code { get; init; }

        public required double Elapsed { get; init; }

        public double? FirstByte { get; init; }

        public string? Model { get; init; }

        public string? SentModel { get; init; }

        public string? Rule { get; init; }

        public int? Attempts { get; init; }

        public string? Reason { get; init; }

        public required string RequestId { get; init; }

        public string? GenerationId { get; init; }

        public RequestLine.TeamPart? Team { get; init; }

        public RequestLine ToLine() => new()
        {
            Method = Method,
            Path = Path,
            Status = Status,
            End = End,
            Code = Code,
            Elapsed = Elapsed,
            FirstByte = FirstByte,
            Model = Model,
            SentModel = SentModel,
            Rule = Rule,
            Attempts = Attempts,
            Reason = Reason,
            RequestId = RequestId,
            GenerationId = GenerationId,
            ConnectionId = "c",
            Team = Team,
        };
    }
}
