using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Promise: each sample beside the shipped file is a good configuration without warnings, and the README lists it.</summary>
public sealed class SampleSettingsTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "samples", "settings");

    // The settings with an intended warning: a listener of a container, with TLS before it.
    private static readonly HashSet<string> Expected = ["Server:Address", "Server:Https"];

    public static TheoryData<string> Samples => [.. Directory.GetFiles(Folder, "*.json").Select(path => Path.GetFileName(path)!)];

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Sample_LoadsWithoutWarnings(string name)
    {
        using var folder = new SettingsFolder();
        var team = """
            { "Id": "search", "Keys": [ { "Sha256": "1111111111111111111111111111111111111111111111111111111111111111" } ],
              "OpenRouterKey": "env:OPENROUTER_API_KEY_SEARCH" }
            """;
        var teams = Path.GetDirectoryName(folder.Write("teams/search.json", team))!;
        var secret = folder.Write("secret", "sk-or-v1-sample");
        folder.Write("appsettings.json", await File.ReadAllTextAsync(Path.Combine(Repository.Root, "appsettings.json"), TestContext.Current.CancellationToken));
        var sample = await File.ReadAllTextAsync(Path.Combine(Folder, name), TestContext.Current.CancellationToken);
        folder.Write("appsettings.Production.json", sample
            .Replace("/etc/gateway/teams", teams, StringComparison.Ordinal)
            .Replace("/run/secrets/openrouter-eu", secret, StringComparison.Ordinal));
        foreach (var variable in (string[])["SEARCH", "SUPPORT", "RESEARCH", "RESERVE"])
        {
            folder.Variables["OPENROUTER_API_KEY_" + variable] = "sk-or-v1-" + variable;
        }

        folder.Variables["LEDGER_CONNECTION"] = "Host=db.example;Database=gateway";
        folder.Variables["REDIS_CONFIGURATION"] = "redis.example:6379";
        folder.Variables["ADMIN_TOKEN"] = "a-token-of-the-operator";

        var snapshot = await folder.LoadGoodAsync();

        Assert.DoesNotContain(snapshot.Warnings, warning => !Expected.Contains(warning.Path));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_IsListedAndExplainedInFourLines(string name)
    {
        Assert.Contains($"]({name})", File.ReadAllText(Path.Combine(Folder, "README.md")), StringComparison.Ordinal);
        var lines = File.ReadLines(Path.Combine(Folder, name)).TakeWhile(line => line != "{").ToArray();
        Assert.Equal(4, lines.Length);
        string[] beginnings = ["// ", "// Change ", "// It ", "// Try it: "];
        Assert.All(beginnings.Zip(lines), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }
}
