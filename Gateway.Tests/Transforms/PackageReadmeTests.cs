using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Transforms;

public class PackageReadmeTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "PackageReadme");

    [Fact]
    public void Program_IsTheOneThatIsCompiledHere()
    {
        var source = File.ReadAllText(Path.Combine(Folder, "ReadmeExample.cs"));
        var lines = Between(source, "// <example>\n", "\n\n        // </example>").Split('\n').Select(line => line.Length > 8 ? line[8..] : "");
        Assert.EndsWith("\n\n" + string.Join('\n', lines) + "\napp.Run();\n", CodeBlock("csharp"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model":"anthropic/claude-sonnet-4.5","messages":[]}""", """{"model":"anthropic/claude-sonnet-4.5","messages":[],"provider":{"order":["Anthropic","Google"]}}""")]
    [InlineData("""{"model":"gpt-4o"}""", """{"model":"openai/gpt-4o","models":["mistralai/mistral-large"],"provider":{"only":["mistral","azure"],"data_collection":"deny"}}""")]
    public async Task ProgramAndSettings_DoWhatTheTextSays(string body, string expected)
    {
        var token = TestContext.Current.CancellationToken;
        await using var upstream = await RecordingUpstream.StartAsync();
        var root = Directory.CreateTempSubdirectory("package-readme-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(root.FullName, "appsettings.json"), CodeBlock("json"), token);
            await using var app = ReadmeExample.Build(
            [
                "--contentRoot", root.FullName, "--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "None",
                "--ReverseProxy:Clusters:openrouter:Destinations:default:Address", upstream.Address,
            ]);
            await app.StartAsync(token);
            await using var connection = await RawConnection.OpenAsync(new Uri(app.Urls.Single()));
            Assert.Equal(200, (await connection.SendBodyAsync(Encoding.UTF8.GetBytes(body))).Status);
            Assert.Equal(expected, Encoding.UTF8.GetString(upstream.TakeSingle().Body));
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    private static string CodeBlock(string language) =>
        Between(File.ReadAllText(Path.Combine(Folder, "README.md")), $"```{language}\n", "```\n");

    private static string Between(string text, string start, string end)
    {
        var from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }
}
