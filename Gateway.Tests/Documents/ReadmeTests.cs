using Gateway.CommandLine;
using Gateway.Tests.Gateway;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Compares the two READMEs with each other, and the README with the program and with the results of the benchmarks.</summary>
public sealed class ReadmeTests
{
    /// <summary>The sections in order, in both languages.</summary>
    private static readonly (string English, string Chinese)[] Headings =
    [
        ("# OpenRouterGateway", "# OpenRouterGateway"),
        ("## Quick start", "## 快速开始"),
        ("### Other ways to run it", "### 其他运行方式"),
        ("## Try it without an account", "## 没有账号时试用"),
        ("## Connect clients", "## 连接客户端"),
        ("### Streaming", "### 流式响应"),
        ("### Errors", "### 错误"),
        ("## Rules and aliases", "## 规则和别名"),
        ("### In appsettings.json", "### 在 appsettings.json 中"),
        ("## Teams, limits and budgets", "## 团队、速率限制和预算"),
        ("## Command line", "## 命令行"),
        ("## Settings and operation", "## 设置与运维"),
        ("## Architecture", "## 架构"),
        ("## Differences from the original Rust proxy", "## 与原 Rust 代理的不同"),
        ("## License", "## 许可证"),
    ];

    private static readonly IReadOnlyList<MarkdownSection> English = Read("README.md");
    private static readonly IReadOnlyList<MarkdownSection> Chinese = Read("README.zh-CN.md");

    public static TheoryData<int> Sections => [.. Enumerable.Range(0, Headings.Length)];

    [Fact]
    public void BothLanguages_HaveTheSameSections()
    {
        Assert.Equal(Headings.Select(heading => heading.English), English.Select(section => section.Heading));
        Assert.Equal(Headings.Select(heading => heading.Chinese), Chinese.Select(section => section.Heading));
    }

    [Theory]
    [MemberData(nameof(Sections))]
    public void Section_SaysTheSameInBothLanguages(int index) => Translation.AssertSaysTheSame(English[index], Chinese[index]);

    [Fact]
    public void Links_LeadToFiles() => Assert.All(
        English.Concat(Chinese).SelectMany(section => section.Links).Where(link => !link.StartsWith("https://", StringComparison.Ordinal)),
        link => Assert.True(Path.Exists(Path.Combine(Repository.Root, link)), link));

    [Fact]
    public void CommandLine_IsTheProgramsOwn()
    {
        var names = Section("## Command line").TableRows.Select(row => row[0].Trim('`')).ToArray();

        Assert.Equal(
            CommandLineReader.Flags.Order(StringComparer.Ordinal),
            names.Where(name => name.StartsWith('-')).SelectMany(name => name.Split('`', ' '))
                .Where(word => word.StartsWith("--", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
        Assert.Equal(
            CommandLineReader.Commands.Order(StringComparer.Ordinal),
            names.Where(name => !name.StartsWith('-')).Select(name => name.Split(' ')[0]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Architecture_ListsTheLayersInTheirOrder() => Assert.Equal(
        LayersTests.EveryFolder.Select(row => row.Data.Split('.')[0]).Distinct(StringComparer.Ordinal),
        Section("## Architecture").TableRows.Where(row => row.Count == 3).SelectMany(row => row[1].Split(", ")).Select(name => name.Trim('`')));

    [Fact]
    public void Figures_AreThoseOfTheBenchmarks()
    {
        var goals = MarkdownSection.Read(Path.Combine(Repository.Root, "bench", "RESULTS.md"))
            .Single(section => section.Heading == "## Goals").TableRows.ToArray();
        var claims = string.Join(' ', English[0].Lines.Select(line => line.Trim()));

        Assert.Contains(
            $"uses {Measured("1 KB chat, gateway: CPU")} times the CPU time of plain YARP with rules only", claims, StringComparison.Ordinal);
        Assert.Contains($"and {Measured("1 KB chat, gateway-teams: CPU")} times with teams", claims, StringComparison.Ordinal);
        Assert.Contains($"per 20 MB request {Measured("20 MB image, gateway-teams: CPU")} times", claims, StringComparison.Ordinal);
        Assert.Contains(
            $"adds {Measured("fixed rate, gateway: added to p50")} µs (rules only) "
            + $"or {Measured("fixed rate, gateway-teams: added to p50")} µs (everything on)",
            claims, StringComparison.Ordinal);
        Assert.Contains(
            $"{goals.Count(goal => goal[4].Contains("missed", StringComparison.Ordinal))} of the {goals.Length} performance goals are missed",
            claims, StringComparison.Ordinal);

        string Measured(string goal) => goals.Single(row => row[0].StartsWith(goal, StringComparison.Ordinal))[2];
    }

    private static IReadOnlyList<MarkdownSection> Read(string name) => MarkdownSection.Read(Path.Combine(Repository.Root, name));

    private static MarkdownSection Section(string heading) => English.Single(section => section.Heading == heading);
}
