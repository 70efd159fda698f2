using System.Text.RegularExpressions;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Runs the README's examples: the requests against a scripted upstream, the settings through the program's loader.</summary>
public sealed partial class ReadmeExamplesTests : IClassFixture<ReadmeExamplesTests.Fixture>
{
    private const string RulesHeading = "## Rules and aliases";

    private static readonly IReadOnlyList<MarkdownSection> Readme = MarkdownSection.Read(Path.Combine(Repository.Root, "README.md"));

    private readonly GatewayPair _pair;

    public ReadmeExamplesTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    private static string Mapping =>
        Section(RulesHeading).InlineCode.Single(code => code.StartsWith("--model-provider-mapping ", StringComparison.Ordinal)).Split('"')[1];

    [Theory]
    [InlineData("## Try it without an account")]
    [InlineData(RulesHeading)]
    public async Task Request_ReachesUpstreamAsShown(string heading)
    {
        var blocks = Section(heading).CodeBlocks;

        var call = await _pair.PostAsync("/v1/chat/completions", RequestIn(blocks[0]));

        Assert.Equal(blocks[1].Split('\n', 2)[1], call.Forwarded.BodyText);
        Assert.Equal("cli-1", call.Head.Header("x-gateway-rule"));
        Assert.NotEmpty(call.Head.Header("x-request-id")!);
    }

    [Fact]
    public async Task RequestWithItsOwnProvider_PassesUnchanged()
    {
        // The example's model matches no rule here. A model that matches one shows that the provider of the request takes precedence.
        var body = RequestIn(Section(RulesHeading).CodeBlocks[2])
            .Replace("mistralai/mixtral-8x7b-instruct", "anthropic/claude", StringComparison.Ordinal);
        Assert.Contains("anthropic/claude", body, StringComparison.Ordinal);

        var call = await _pair.PostAsync("/v1/chat/completions", body);

        Assert.Equal(body, call.Forwarded.BodyText);
        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task Settings_Load()
    {
        using var folder = new SettingsFolder();
        string[] sections = [SettingsIn("### In appsettings.json"), SettingsIn("## Teams, limits and budgets")];
        folder.Write(
            "appsettings.json",
            SettingsFolder.Json(string.Join(",\n", sections).Replace("<64 hexadecimal digits>", new string('0', 64), StringComparison.Ordinal)));
        folder.Variables["OPENROUTER_API_KEY_SEARCH"] = "sk-or-v1-x";

        var snapshot = await folder.LoadGoodAsync();

        Assert.Equal(["claude", "eu-only"], snapshot.Rules.Rules.Select(rule => rule.Name));
        Assert.Equal("openai/gpt-4o", Assert.Single(snapshot.Rules.Aliases).Use);
        Assert.Equal("search", Assert.Single(snapshot.Teams.Teams).Id);
    }

    private static MarkdownSection Section(string heading) => Readme.Single(section => section.Heading == heading);

    private static string RequestIn(string block) => CurlBody().Match(block).Groups["body"].Value;

    private static string SettingsIn(string heading) =>
        Section(heading).CodeBlocks.Single(block => block.StartsWith("```jsonc", StringComparison.Ordinal)).Split('\n', 2)[1];

    [GeneratedRegex(@"-d '(?<body>\{[^']*\})'", RegexOptions.ExplicitCapture)]
    private static partial Regex CurlBody();

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options) => options.Mapping(Mapping);
    }
}
