using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Observability;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging;
using Serilog.Events;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

/// <summary>Compares the tables of <c>docs/logging.md</c> with the request line and the events of the program.</summary>
public sealed partial class LoggingDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "logging.md"));

    private static readonly string Members = Section("## The request line as JSON");

    [Fact]
    public void EveryMember_IsDocumented_InOrder_AndNoOther() => Assert.Equal(
        MembersOf(RequestLineTests.Full, LogEventLevel.Warning),
        MemberRow().Matches(Members).Select(row => row.Groups["name"].Value));

    [Fact]
    public void MembersOfATeam_AreMarked() => Assert.Equal(
        MembersOf(RequestLineTests.Full, LogEventLevel.Warning).Except(MembersOf(RequestLineTests.Empty, LogEventLevel.Warning)),
        MemberRow().Matches(Members)
            .Where(row => row.Value.Contains("*team*", StringComparison.Ordinal))
            .Select(row => row.Groups["name"].Value));

    [Fact]
    public void MembersThatDoNotApply_ArePresent()
    {
        using var json = JsonDocument.Parse(Format(RequestLineTests.Empty, LogEventLevel.Information));
        foreach (var name in (string[])["Code", "Model", "Rule", "Attempts", "Reason", "GenerationId", "FirstByteMs", "BodyBytes"])
        {
            Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty(name).ValueKind);
        }

        Assert.False(json.RootElement.TryGetProperty("@l", out _));
    }

    [Fact]
    public void EveryEvent_IsDocumented_AndNoOther() => Assert.Equal(
        typeof(LogEvents).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => ((int)field.GetRawConstantValue()!, field.Name))
            .Order(),
        EventRow().Matches(Document).Select(
            row => (int.Parse(row.Groups["id"].Value, CultureInfo.InvariantCulture), row.Groups["name"].Value)));

    /// <summary>The name of an event in the log is that of the method that logs it.</summary>
    [Fact]
    public void EveryEvent_IsLogged_UnderItsName()
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        var names = typeof(LogEvents).GetFields(BindingFlags.Public | BindingFlags.Static)
            .ToDictionary(field => (int)field.GetRawConstantValue()!, field => field.Name);
        (string Listed, string Logged)[] events =
        [
            .. typeof(LogEvents).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(All | BindingFlags.DeclaredOnly))
                .Select(method => (Method: method, Message: method.GetCustomAttribute<LoggerMessageAttribute>()))
                .Where(one => one.Message is not null)
                .Select(one => (names[one.Message!.EventId], one.Message.EventName ?? one.Method.Name)),
        ];

        Assert.NotEmpty(events);
        Assert.All(events, one => Assert.Equal(one.Listed, one.Logged));
    }

    [Fact]
    public void EveryPhase_OfVerbose_IsDescribed() => Assert.Equal(
        typeof(LogEvents).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => (int)field.GetRawConstantValue()! is >= 2400 and < 2500)
            .Select(field => field.Name),
        MemberRow().Matches(Section("## A request in detail")).Select(row => row.Groups["name"].Value));

    private static IEnumerable<string> MembersOf(RequestLine line, LogEventLevel level)
    {
        using var json = JsonDocument.Parse(Format(line, level));
        return [.. json.RootElement.EnumerateObject().Select(member => member.Name)];
    }

    private static string Format(RequestLine line, LogEventLevel level) =>
        RequestLineTests.Format(new CompactLineFormatter(), line.ToEvent(DateTimeOffset.UnixEpoch, level));

    /// <summary>The text of a section, which begins with a heading.</summary>
    private static string Section(string heading) =>
        Document.Split("\n## ").Single(part => ("## " + part).StartsWith(heading, StringComparison.Ordinal));

    [GeneratedRegex(@"^\| `(?<name>@?\w+)` \| .+$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex MemberRow();

    [GeneratedRegex(@"^\| (?<id>\d{4}) \| `(?<name>\w+)` \| .+$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex EventRow();
}
