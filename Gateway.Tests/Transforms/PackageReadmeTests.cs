using System.Text;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms;

public partial class PackageReadmeTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "PackageReadme");

    [Fact]
    public void EveryProgram_IsCompiledHere()
    {
        var source = File.ReadAllText(Path.Combine(Folder, "ReadmeExample.cs"));
        var compiled = Example().Matches(source).Select(example => string.Join(
            '\n', example.Groups["code"].Value.Split('\n').Select(static line => line.Length > 8 ? line[8..] : "")) + "\n").ToList();
        var shown = CodeBlock().Matches(Readme()).Where(static block => block.Groups["language"].Value == "csharp")
            .Select(static block => block.Groups["code"].Value).ToList();

        Assert.Equal(4, shown.Count);
        Assert.Equal($"using OpenRouterGateway.Transforms;\n\n{compiled[0]}app.Run();\n", shown[0]);
        Assert.Equal(compiled[1..], shown[1..]);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"anthropic/claude-sonnet-4.5","messages":[]}""", """{"model":"anthropic/claude-sonnet-4.5","messages":[],"provider":{"order":["anthropic","google-vertex"]}}""")]
    [InlineData("/v1/chat/completions", """{"model":"gpt-4o"}""", """{"model":"openai/gpt-4o","models":["mistralai/mistral-large"],"provider":{"data_collection":"deny","only":["mistral","azure"]}}""")]
    [InlineData("/strict/v1/chat/completions", """{"model":"gpt-4o"}""", """{"model":"gpt-4o","provider":{"max_price":{"prompt":1.5},"zdr":true}}""")]
    public async Task ProgramAndSettings_DoWhatTheTextSays(string path, string body, string expected)
    {
        var token = TestContext.Current.CancellationToken;
        await using var upstream = await RecordingUpstream.StartAsync();
        var root = Directory.CreateTempSubdirectory("package-readme-");
        try
        {
            var settings = CodeBlock().Matches(Readme()).Single(static block => block.Groups["language"].Value == "json").Groups["code"].Value;
            await File.WriteAllTextAsync(Path.Combine(root.FullName, "appsettings.json"), settings, token);
            await using var app = ReadmeExample.BuildFromConfiguration(
            [
                "--contentRoot", root.FullName, "--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "None",
                "--ReverseProxy:Clusters:openrouter:Destinations:default:Address", upstream.Address,
            ]);
            await app.StartAsync(token);
            await using var connection = await RawConnection.OpenAsync(new Uri(app.Urls.Single()));
            await connection.SendAsync($"POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {body.Length}\r\n\r\n{body}");
            Assert.Equal(200, (await connection.ReadAnswerAsync()).Status);
            Assert.Equal(expected, Encoding.UTF8.GetString(upstream.TakeSingle().Body));
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Fact]
    public void RulesInCode_AreValid()
    {
        var services = new ServiceCollection();
        ReadmeExample.AddFromCode(services.AddReverseProxy());
        using var provider = services.BuildServiceProvider();
        var options = provider.GetRequiredService<Microsoft.Extensions.Options.IOptions<ProviderMappingOptions>>().Value;

        Assert.Equal("zdr", Assert.Single(options.RuleSets["strict"](new Microsoft.AspNetCore.Http.DefaultHttpContext()).Rules).Name);
        Assert.NotNull(ReadmeExample.Check("""{ "Rules": [] }"""));
    }

    private static string Readme() => File.ReadAllText(Path.Combine(Folder, "README.md"));

    [GeneratedRegex(@"// <(?<name>\w+)>\n(?<code>.*?)\n\n        // </\k<name>>", RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex(@"^```(?<language>\w+)\n(?<code>.*?)^```\n", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CodeBlock();
}
