using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Promise: the sample host is a YARP program of its own whose requests get the rules of its settings.</summary>
public sealed class SampleHostTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "samples", "host");

    [Fact]
    public void Program_HasTwentyLines() => Assert.InRange(File.ReadAllLines(Path.Combine(Folder, "Program.cs")).Length, 1, 20);

    [Fact]
    public async Task Request_IsSentWithTheProviderOfItsRule()
    {
        const string Body = """{"model":"anthropic/claude-sonnet-4.5","messages":[]}""";
        await using var upstream = await RecordingUpstream.StartAsync();

        // The tests' own output folder says which configuration was built.
        var output = Path.GetRelativePath(Path.Combine(Repository.Root, "Gateway.Tests"), AppContext.BaseDirectory);
        await using var host = GatewayProcess.Start(
            [
                "--urls", "http://127.0.0.1:0", "--ReverseProxy:Clusters:openrouter:Destinations:default:Address", upstream.Address,
            ],
            Folder,
            program: Path.Combine(Folder, output, "SampleHost.dll"));
        await using var connection = await RawConnection.OpenAsync(await host.WaitForAddressAsync(upstream.Address));

        await connection.SendAsync($"POST /v1/chat/completions HTTP/1.1\r\nHost: host\r\nContent-Length: {Body.Length}\r\n\r\n{Body}");
        var answer = await connection.ReadAnswerAsync();

        Assert.Equal(200, answer.Status);
        Assert.Equal("claude", answer.Headers["x-applied-rules"]);
        Assert.Equal(
            """{"model":"anthropic/claude-sonnet-4.5","messages":[],"provider":{"order":["anthropic","google-vertex"]}}""",
            Encoding.UTF8.GetString(upstream.TakeSingle().Body));
    }
}
