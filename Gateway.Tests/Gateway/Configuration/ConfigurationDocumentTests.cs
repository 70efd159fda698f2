using System.Text.RegularExpressions;
using Gateway.CommandLine;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>Holds <c>docs/configuration.md</c> and <c>.env.example</c> against the program: nothing missing, nothing made up.</summary>
public sealed partial class ConfigurationDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "configuration.md"));

    [Fact]
    public void EverySetting_IsDocumented_AndNoOther()
    {
        var settings = SettingsSchema.Names
            .Where(section => section != SettingsSchema.ReverseProxy)
            .SelectMany(section => section == SettingsSchema.TeamDefaults ? [section] : Paths(section, SettingsSchema.ShapeOf(section)!))
            .Order(StringComparer.Ordinal);

        Assert.Equal(settings, SettingRow().Matches(Document).Select(row => row.Groups["path"].Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void RestartSettings_AreMarkedAsSuch()
    {
        Assert.Equal(
            RestartOnlySettings.Paths.Order(StringComparer.Ordinal),
            SettingRow().Matches(Document)
                .Where(row => row.Groups["force"].Value == "restart")
                .Select(row => row.Groups["path"].Value)
                .Order(StringComparer.Ordinal));
        Assert.All(SettingRow().Matches(Document), row => Assert.Contains(row.Groups["force"].Value, (string[])["restart", "reload"]));
    }

    [Theory]
    [InlineData(SettingsSchema.Server)]
    [InlineData(SettingsSchema.Upstream)]
    [InlineData(SettingsSchema.Usage)]
    [InlineData(SettingsSchema.Limits)]
    [InlineData(SettingsSchema.Admin)]
    [InlineData(SettingsSchema.Alerts)]
    public void Defaults_AreThoseOfTheProgram(string section)
    {
        var defaults = SettingRow().Matches(Document)
            .Where(row => row.Groups["path"].Value.StartsWith(section + ":", StringComparison.Ordinal)
                && !row.Groups["path"].Value.Contains(":N:", StringComparison.Ordinal)
                && row.Groups["default"].Value != "none")
            .ToDictionary(row => row.Groups["path"].Value, row => row.Groups["default"].Value.Trim('`'));

        Assert.Equal(
            Values(section, SettingsSchema.DefaultsOf(section)).Where(pair => pair.Value.Length > 0).OrderBy(pair => pair.Key),
            defaults.OrderBy(pair => pair.Key));
    }

    [Fact]
    public void EveryFlag_IsDocumented_AndNoOther() => Assert.Equal(
        CommandLineReader.Flags.Order(StringComparer.Ordinal),
        FlagRow().Matches(Document).Select(row => row.Groups["flag"].Value).Order(StringComparer.Ordinal));

    [Fact]
    public void EveryCommand_IsDocumented_AndNoOther() => Assert.Equal(
        CommandLineReader.Commands.Order(StringComparer.Ordinal),
        CommandRow().Matches(Document).Select(row => row.Groups["name"].Value).Order(StringComparer.Ordinal));

    [Fact]
    public void EveryVariable_IsDocumented_AndNoOther() => Assert.Equal(
        EnvironmentVariables.Names.Order(StringComparer.Ordinal),
        VariableRow().Matches(Document).Select(row => row.Groups["name"].Value).Order(StringComparer.Ordinal));

    [Fact]
    public void EnvExample_ListsEveryVariable_AndLoads()
    {
        var example = File.ReadAllText(Path.Combine(Repository.Root, ".env.example"));
        Assert.Equal(
            EnvironmentVariables.DotEnvNames.Order(StringComparer.Ordinal),
            ExampleLine().Matches(example).Select(line => line.Groups["name"].Value).Order(StringComparer.Ordinal));

        var faults = new List<SettingsFault>();
        var uncommented = System.Text.Encoding.UTF8.GetBytes(
            example.Replace("\n#", "\n", StringComparison.Ordinal).Replace("\n ", "\n# ", StringComparison.Ordinal));
        Assert.Equal(EnvironmentVariables.DotEnvNames.Count + 3, DotEnvFile.Read(uncommented, ".env", faults).Count);
        Assert.Empty(faults);
    }

    private static IEnumerable<string> Paths(string path, SettingShape shape) => shape switch
    {
        SettingShape.Members members => members.Known.SelectMany(member => Paths($"{path}:{member.Key}", member.Value.Shape)),
        SettingShape.List { Item: SettingShape.Members item } => Paths($"{path}:N", item),
        SettingShape.Map map => Paths($"{path}:Category", map.Value),
        _ => [path],
    };

    private static IEnumerable<KeyValuePair<string, string>> Values(string path, SettingsNode node) => node switch
    {
        SettingsObject members => members.Members.SelectMany(member => Values($"{path}:{member.Key}", member.Value)),
        SettingsArray { Items: [SettingsValue, ..] } array =>
            [new(path, $"[{string.Join(", ", array.Items.Cast<SettingsValue>().Select(item => item.Text))}]")],
        SettingsValue { Type: not System.Text.Json.JsonValueKind.Null } value => [new(path, value.Text)],
        _ => [],
    };

    [GeneratedRegex(
        @"^\| `(?<path>[A-Z]\w+:[\w:]+|Team\w+)` \| [^|]+ \| (?<default>[^|]+) \| (?<force>[^|]+) \|",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex SettingRow();

    [GeneratedRegex(@"^\| `(?<name>[a-z][a-z-]*)[^`]*`", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex CommandRow();

    [GeneratedRegex(@"^\| `(?<flag>--[\w-]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex FlagRow();

    [GeneratedRegex(@"^\| `(?<name>GATEWAY_\w+)`", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex VariableRow();

    [GeneratedRegex(@"^#(?<name>GATEWAY_\w+)=", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex ExampleLine();
}
