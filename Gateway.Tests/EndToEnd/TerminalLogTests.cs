using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: on a terminal the log is text for people: a line of at most 140 characters a request, its level in colour unless <c>NO_COLOR</c> or
/// a dumb terminal forbids it, and no escape sequence of others. The terminal is a pseudo-terminal of <c>script</c>.
/// </summary>
public sealed partial class TerminalLogTests
{
    private const string Script = "script";
    private const string Escape = "\u001B";

    [Theory]
    [InlineData("xterm-256color", null, true)]
    [InlineData("xterm-256color", "", true)]
    [InlineData("xterm-256color", "1", false)]
    [InlineData("dumb", null, false)]
    public async Task RequestLine_IsForPeople(string terminal, string? noColour, bool hasColour)
    {
        await using var pair = await StartAsync(terminal, noColour);
        var model = "anthropic/" + new string('m', 60);
        Assert.Equal(200, (await pair.PostAsync("/v1/chat/completions", """{"model":"a/b","messages":[]}""")).Status);
        Assert.Equal(400, (await pair.PostAsync("/v1/chat/completions", "[")).Status);
        Assert.Equal(200, (await pair.PostAsync("/v1/chat/completions", $$"""{"model":"{{model}}","messages":[]}""")).Status);
        Assert.Equal(200, (await pair.PostAsync("/v1/chat/completions", """{"model":"evil\u001b[2J\r\nINF","messages":[]}""")).Status);

        var answered = await LineAsync(pair, "a/b");
        var refused = await LineAsync(pair, "invalid_json");
        var longest = await LineAsync(pair, "anthropic/mm");
        var hostile = await LineAsync(pair, "evil");

        const string Time = @"\d\d:\d\d:\d\d\.\d{3} ";
        Assert.Matches($"^{Time}{Level("INF", "32")} POST /v1/chat/completions 200 [0-9.]+ m?s a/b first [0-9.]+ m?s rule all [0-9a-f]{{12}}", answered);
        Assert.Matches($"^{Time}{Level("INF", "32")} POST /v1/chat/completions 400 invalid_json ", refused);
        Assert.All([answered, refused, longest, hostile], line =>
        {
            Assert.InRange(Colour().Replace(line, "").Length, 60, 140);
            Assert.Equal(hasColour ? 2 : 0, Colour().Count(line));
            Assert.DoesNotContain(Escape, Colour().Replace(line, ""), StringComparison.Ordinal);
            Assert.DoesNotContain("null", line, StringComparison.Ordinal);
        });
        Assert.Contains("…", longest, StringComparison.Ordinal);
        Assert.DoesNotContain(pair.Gateway.Log.All, static line => line.StartsWith('{'));

        string Level(string name, string colour) => hasColour ? $"{Escape}\\[{colour}m{name}{Escape}\\[0m" : name;
    }

    private static async Task<GatewayPair> StartAsync(string terminal, string? noColour)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Programs.Find(Script) is null, "There is no program script (util-linux), which has a pseudo-terminal.");
        return await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Rules("""[{ "Name": "all", "Model": "*", "Provider": { "ignore": ["nobody"] } }]""");

            // The words of the command have no blanks. `script` copies what the terminal shows to its standard output.
            options.Through = ["sh", "-c", $"exec {Script} -qefc \"$*\" /dev/null", "sh"];
            options.Environment["TERM"] = terminal;
            options.Environment["NO_COLOR"] = noColour ?? "";
        });
    }

    private static Task<string> LineAsync(GatewayPair pair, string word) => pair.Gateway.Log.WaitForAsync(
        line => line.Contains(word, StringComparison.Ordinal) && line.Contains(" POST ", StringComparison.Ordinal), $"the line of {word}");

    [GeneratedRegex("\u001B\\[[0-9;]*m")]
    private static partial Regex Colour();
}
