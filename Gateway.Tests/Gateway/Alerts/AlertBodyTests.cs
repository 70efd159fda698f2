using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gateway.Alerts;
using Gateway.Configuration.Model;
using Gateway.Primitives;
using Gateway.Tests.Documents;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>Promise: bodies are those of <c>docs/alerts.md</c>, and no name in them mentions a user, forms a link or breaks the JSON.</summary>
public sealed class AlertBodyTests
{
    private static readonly IReadOnlyList<MarkdownSection> Document =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "alerts.md"));

    private static readonly Alert Sample = new()
    {
        Kind = AlertKind.BudgetThreshold,
        Id = Guid.Parse("019ad072-1b80-7c3e-9d2f-5a4b3c2d1e0f"),
        Time = new DateTimeOffset(2026, 11, 28, 23, 5, 0, TimeSpan.Zero),
        Team = "search",
        Budget = new AlertBudget(
            BudgetPeriod.Month,
            new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero),
            new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero),
            AlertSetup.Usd(100),
            AlertSetup.Usd(81.25m)),
        Threshold = 0.8m,
    };

    private static readonly Alert Key = new()
    {
        Kind = AlertKind.UpstreamKeyRejected,
        Id = Sample.Id,
        Time = Sample.Time,
        Team = "search",
        UpstreamKey = "env:OPENROUTER_API_KEY_SEARCH",
        Status = 402,
    };

    [Theory]
    [InlineData("Json")]
    [InlineData("Slack")]
    [InlineData("Teams")]
    [InlineData("Discord")]
    public void Body_IsTheDocumentedOne(string name)
    {
        const string Fence = "```json\n";
        var block = Assert.Single(
            Document.Single(section => section.Heading == $"### {name}").CodeBlocks, block => block.StartsWith(Fence, StringComparison.Ordinal));
        var documented = JsonNode.Parse(block[Fence.Length..])!;

        var body = JsonNode.Parse(Body(Sample, Enum.Parse<AlertFormat>(name)))!;

        Assert.True(JsonNode.DeepEquals(documented, body), body.ToJsonString());
        Assert.Equal(Names(documented), Names(body));

        static IEnumerable<string> Names(JsonNode node) => node.AsObject().Select(member => member.Key);
    }

    [Fact]
    public void Json_HasTheSameMembersForEveryKind_AndIsReadBack()
    {
        Alert[] alerts =
        [
            Sample,
            Key,
            Sample with { Kind = AlertKind.BudgetExceeded, Threshold = null, IsRefused = false },
            Sample with { Budget = new AlertBudget(BudgetPeriod.Total, null, null, new PicoDollars(1), new PicoDollars(Int128.MaxValue / 1000)) },
        ];
        var names = alerts.Select(alert => string.Join(',', JsonNode.Parse(AlertJson.Write(alert))!.AsObject().Select(member => member.Key)));
        Assert.Single(names.Distinct());
        var documented = Document.Single(section => section.Heading == "### Json").TableRows
            .SelectMany(row => row[0].Split(", ")).Select(name => name.Trim('`'));
        Assert.Equal(names.First().Split(','), documented);

        Assert.Equal(alerts.SkipLast(1), alerts.SkipLast(1).Select(alert => AlertJson.Read(AlertJson.Write(alert))));
        Assert.Equal(
            "0.000000000001", JsonDocument.Parse(AlertJson.Write(alerts[3])).RootElement.GetProperty("limit_usd").GetRawText());
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"type":"budget_threshold"}""")]
    [InlineData("""{"type":"other"}""")]
    public void OtherContent_IsNotRead(string content) => Assert.Null(AlertJson.Read(content));

    [Fact]
    public void Words_TellWhatHappened()
    {
        Assert.Equal(
            "OpenRouter rejects the key of team search. A request with the key env:OPENROUTER_API_KEY_SEARCH was answered with status 402 "
                + "(the account or the key has no credit left). Until the key works again, its requests fail with 503 upstream_key_rejected.",
            AlertText.Of(Key).ToString());
        Assert.Equal(
            "A request of team search exceeds its budget. It was refused with 402 budget_exceeded. 81.25 of 100.00 USD for this month are spent. "
                + "The budget resets at 2026-12-01 00:00 UTC.",
            AlertText.Of(Sample with { Kind = AlertKind.BudgetExceeded, IsRefused = true }).ToString());
        Assert.Equal(
            "A request of team search exceeds its budget. It has passed, since the budget only reports. 0.00002 of 0.001 USD in total are spent.",
            AlertText.Of(Sample with
            {
                Kind = AlertKind.BudgetExceeded,
                IsRefused = false,
                Budget = new AlertBudget(BudgetPeriod.Total, null, null, AlertSetup.Usd(0.001m), AlertSetup.Usd(0.00002m)),
            }).ToString());
    }

    [Theory]
    [InlineData("<!channel>")]
    [InlineData("<@U123>")]
    [InlineData("<https://evil.example|click>")]
    [InlineData("@everyone @here <@&1>")]
    [InlineData("[click](https://evil.example)")]
    [InlineData("*bold* _x_ ~~x~~ `x` ||x|| > # -")]
    [InlineData("<at>Somebody</at>")]
    [InlineData("\"},{\"a\":\"b\\")]
    [InlineData("line\nline\u2028\u0000")]
    public void HostileName_IsText(string name)
    {
        foreach (var alert in (Alert[])[Sample with { Team = name }, Sample with { KeyLabel = name }, Key with { UpstreamKey = name }])
        {
            var slack = JsonNode.Parse(Body(alert, AlertFormat.Slack))!;
            Assert.DoesNotContain(Strings(slack), static text => text.Contains('<', StringComparison.Ordinal) || text.Contains('>', StringComparison.Ordinal));
            Assert.All(slack["blocks"]!.AsArray(), static block => Assert.Equal("plain_text", (string?)block!["text"]!["type"]));

            // Neither mentions nor Markdown exist in a text run.
            var card = JsonNode.Parse(Body(alert, AlertFormat.Teams))!["attachments"]![0]!["content"]!;
            Assert.Null(card["msteams"]);
            Assert.All(card["body"]!.AsArray(), static block => Assert.Equal("RichTextBlock", (string?)block!["type"]));
            Assert.Contains(Strings(card), text => text.Contains(name, StringComparison.Ordinal));

            var discord = JsonNode.Parse(Body(alert, AlertFormat.Discord))!;
            Assert.Empty(discord["allowed_mentions"]!["parse"]!.AsArray());
            foreach (var text in (string[])[(string)discord["embeds"]![0]!["title"]!, (string)discord["embeds"]![0]!["description"]!])
            {
                for (var i = 0; i < text.Length; i++)
                {
                    if (text[i] == '\\')
                    {
                        i++;
                    }
                    else
                    {
                        Assert.DoesNotContain(text[i], @"*_~`|<>#[]()@:-");
                    }
                }
            }

            Assert.Equal(alert, AlertJson.Read(Encoding.UTF8.GetString(Body(alert, AlertFormat.Json))));
        }

        static IEnumerable<string> Strings(JsonNode? node) => node switch
        {
            JsonObject members => members.SelectMany(member => Strings(member.Value)),
            JsonArray items => items.SelectMany(Strings),
            JsonValue value when value.GetValueKind() == JsonValueKind.String => [(string)value!],
            _ => [],
        };
    }

    [Fact]
    public void Links_LeadToFiles() => Assert.All(
        Document.SelectMany(section => section.Links).Where(static link => !link.StartsWith('#') && !link.StartsWith("https:", StringComparison.Ordinal)),
        static link => Assert.True(File.Exists(Path.Combine(Repository.Root, "docs", link.Split('#')[0])), link));

    private static byte[] Body(Alert alert, AlertFormat format) => AlertBody.Write(alert, AlertJson.Write(alert), format);
}
