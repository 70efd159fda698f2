using System.Text;
using System.Text.Json;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Reports;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

public sealed class UsageReportTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(1, "0.000000000001")]
    [InlineData(-2_500_000_000_000, "-2.5")]
    [InlineData(123_456_789_012_345_678, "123456.789012345678")]
    public void Cost_IsTheExactDecimalEverywhere(long picoDollars, string expected)
    {
        UsageRow[] rows = [new(["search"], 1, 2, 3, new PicoDollars(picoDollars), 4)];

        var json = Encoding.UTF8.GetString(UsageReport.ToJson([UsageGroup.Team], rows).Span);
        Assert.Equal(
            $$"""{"rows":[{"team":"search","requests":1,"prompt_tokens":2,"completion_tokens":3,"cost_usd":{{expected}},"unresolved":4}]}""",
            json);
        Assert.Equal(
            $"team,requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\nsearch,1,2,3,{expected},4\r\n",
            UsageReport.ToCsv([UsageGroup.Team], rows));
    }

    [Fact]
    public void Cost_MayBeMoreThanAStoreHolds()
    {
        UsageRow[] rows = [new(["a"], 1, 0, 0, new PicoDollars((Int128)long.MaxValue * 1000), 0)];

        Assert.Contains(",9223372036.854775807,", UsageReport.ToCsv([UsageGroup.Team], rows), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(nameof(UsageGroup.Team), "team")]
    [InlineData(nameof(UsageGroup.Key), "key")]
    [InlineData(nameof(UsageGroup.Model), "model")]
    [InlineData(nameof(UsageGroup.Provider), "provider")]
    [InlineData(nameof(UsageGroup.Rule), "rule")]
    [InlineData(nameof(UsageGroup.Day), "day")]
    [InlineData(nameof(UsageGroup.Month), "month")]
    public void Group_NamesItsOwnColumn(string group, string expected)
    {
        UsageRow[] rows = [new(["x"], 0, 0, 0, PicoDollars.Zero, 0)];
        var by = Enum.Parse<UsageGroup>(group);

        Assert.StartsWith($$"""{"rows":[{"{{expected}}":"x",""", Encoding.UTF8.GetString(UsageReport.ToJson([by], rows).Span), StringComparison.Ordinal);
        Assert.StartsWith(expected + ",", UsageReport.ToCsv([by], rows), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_AreSortedByCostThenByName()
    {
        UsageRow[] rows =
        [
            new(["b"], 0, 0, 0, new PicoDollars(1), 0), new(["B"], 0, 0, 0, new PicoDollars(1), 0),
            new(["c"], 0, 0, 0, new PicoDollars(5), 0), new([""], 0, 0, 0, new PicoDollars(1), 0),
        ];

        Assert.Equal(["c", "", "B", "b"], UsageReport.Sort([UsageGroup.Team], rows).Select(row => row.Names[0]));
    }

    [Fact]
    public void RowsOfDays_AreInTheOrderOfTheirDays()
    {
        UsageRow[] rows =
        [
            new(["a", "2026-11-02"], 0, 0, 0, new PicoDollars(1), 0), new(["b", "2026-11-02"], 0, 0, 0, new PicoDollars(9), 0),
            new(["a", "2026-11-01"], 0, 0, 0, new PicoDollars(5), 0),
        ];

        Assert.Equal(
            ["a 2026-11-01", "b 2026-11-02", "a 2026-11-02"],
            UsageReport.Sort([UsageGroup.Team, UsageGroup.Day], rows).Select(row => string.Join(' ', row.Names)));
    }

    [Fact]
    public void SeveralMembers_StandBesideEachOther()
    {
        UsageGroup[] groups = [UsageGroup.Model, UsageGroup.Team];
        UsageRow[] rows = [new(["gpt", "search"], 1, 2, 3, new PicoDollars(4), 5)];

        Assert.Equal("model,team,requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\ngpt,search,1,2,3,0.000000000004,5\r\n", UsageReport.ToCsv(groups, rows));
        Assert.Equal(
            """{"rows":[{"team":"search","model":"gpt","requests":1,"prompt_tokens":2,"completion_tokens":3,"cost_usd":0.000000000004,"unresolved":5}]}""",
            Encoding.UTF8.GetString(UsageReport.ToJson(groups, rows).Span));
    }

    [Theory]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("a\"b", "\"a\"\"b\"")]
    [InlineData("a\r\nb", "\"a\r\nb\"")]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+1", "'+1")]
    [InlineData("-1", "'-1")]
    [InlineData("@preset/x", "'@preset/x")]
    [InlineData("\tx", "\"'\tx\"")]
    [InlineData("\uFF1D1", "'\uFF1D1")]
    [InlineData("a;=1+1", "\"a;'=1+1\"")]
    [InlineData("a;\"=1", "\"a;\"\"'=1\"")]
    [InlineData("\"=1", "\"\"\"'=1\"")]
    [InlineData("a\n@x", "\"a\n'@x\"")]
    [InlineData("a;b-c", "\"a;b-c\"")]
    [InlineData("=HYPERLINK(\"http://evil\",1)", "\"'=HYPERLINK(\"\"http://evil\"\",1)\"")]
    [InlineData("a=b", "a=b")]
    [InlineData("ключ", "ключ")]
    public void Name_IsQuotedAndNeverAFormulaInCsv(string name, string expected)
    {
        var lines = UsageReport.ToCsv([UsageGroup.Model], [new([name], 0, 0, 0, PicoDollars.Zero, 0)]);

        Assert.EndsWith($"unresolved\r\n{expected},0,0,0,0,0\r\n", lines, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\"b\\c\n")]
    [InlineData("=1+1")]
    [InlineData("🦙/模型")]
    public void Name_SurvivesJson(string name)
    {
        using var json = JsonDocument.Parse(UsageReport.ToJson([UsageGroup.Model], [new([name], 0, 0, 0, PicoDollars.Zero, 0)]));

        Assert.Equal(name, json.RootElement.GetProperty("rows")[0].GetProperty("model").GetString());
    }

    [Fact]
    public void NoRows_AreAnEmptyListAndAHeader()
    {
        Assert.Equal("""{"rows":[]}""", Encoding.UTF8.GetString(UsageReport.ToJson([UsageGroup.Team], []).Span));
        Assert.Equal("team,requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\n", UsageReport.ToCsv([UsageGroup.Team], []));
    }
}
