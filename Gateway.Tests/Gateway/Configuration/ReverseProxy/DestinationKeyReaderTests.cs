using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.ReverseProxy;

/// <summary>Promise: the key of a destination is a reference that resolves, and a team's key goes to no stranger unnoticed.</summary>
public sealed class DestinationKeyReaderTests : IDisposable
{
    private const string Setting = "ReverseProxy:Clusters:openrouter:Destinations:b:Metadata:OpenRouterKey";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Key_IsFoundByItsDestination()
    {
        Write("https://openrouter.ai/api/v1", "https://gateway.example/v1", "env:OTHER");
        _folder.Variables["OTHER"] = "sk-other";

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal("sk-other", snapshot.DestinationKeys.Find("OpenRouter", "B")!.Reveal());
        Assert.Equal("env:OTHER", snapshot.DestinationKeys.Find("OpenRouter", "B")!.Name);
        Assert.Null(snapshot.DestinationKeys.Find("openrouter", "a"));
        Assert.Null(snapshot.DestinationKeys.Find("other", "b"));
        Assert.False(snapshot.DestinationKeys.IsEmpty);
        Assert.Empty(snapshot.Warnings);
        Assert.DoesNotContain("sk-other", snapshot.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChangedSecret_ChangesTheSettings()
    {
        Write("https://openrouter.ai/api/v1", "https://gateway.example/v1", "env:OTHER");
        _folder.Variables["OTHER"] = "sk-1";
        var before = await _folder.LoadGoodAsync();
        _folder.Variables["OTHER"] = "sk-2";
        var after = await _folder.LoadGoodAsync();

        Assert.NotEqual(before.Version, after.Version);
        Assert.Equal(before.RoutesVersion, after.RoutesVersion);
    }

    [Theory]
    [InlineData("sk-or-v1-literal", "is not a reference")]
    [InlineData("env:MISSING", "env:MISSING is not set")]
    [InlineData("env:GATEWAY_OWN", "resolves to a gateway key")]
    [InlineData("env:BLANK", "contains a space")]
    [InlineData("", "is empty")]
    public async Task WrongKey_IsAFaultThatDoesNotShowIt(string reference, string expected)
    {
        Write("https://openrouter.ai/api/v1", "https://gateway.example/v1", reference);
        _folder.Variables["GATEWAY_OWN"] = "ogw-1234";
        _folder.Variables["BLANK"] = "a b";

        var fault = Assert.Single(await _folder.LoadBadAsync());

        Assert.StartsWith($"{Setting}: ", fault, StringComparison.Ordinal);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("literal", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://gateway.example/v1", true)]
    [InlineData("https://notopenrouter.ai/v1", true)]
    [InlineData("https://eu.openrouter.ai/api/v1", false)]
    [InlineData("https://OPENROUTER.AI:8443/api/v1", false)]
    public async Task DestinationOnAnotherHostWithoutAKey_IsWarnedOf(string address, bool expected)
    {
        Write("https://openrouter.ai/api/v1", address, null);

        var warnings = (await _folder.LoadGoodAsync()).Warnings.Where(warning => warning.Path == Setting);

        Assert.Equal(expected ? 1 : 0, warnings.Count());
    }

    [Fact]
    public async Task KeyWithoutTeams_IsWarnedOf()
    {
        _folder.Variables["OTHER"] = "sk-other";
        Write("https://openrouter.ai/api/v1", "https://gateway.example/v1", "env:OTHER", teams: "[]");
        Assert.Contains("no effect without teams", Assert.Single((await _folder.LoadGoodAsync()).Warnings).ToString(), StringComparison.Ordinal);

        // Without teams, callers send their own keys.
        Write("https://openrouter.ai/api/v1", "https://gateway.example/v1", null, teams: "[]");
        Assert.Empty((await _folder.LoadGoodAsync()).Warnings);
    }

    private void Write(string one, string two, string? reference, string? teams = null)
    {
        var metadata = reference is null ? "" : $$""", "Metadata": { "OpenRouterKey": "{{reference}}" } """;
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("appsettings.json", $$"""
            {
              "Teams": {{teams ?? $"[ {TeamSetup.Team()} ]"}},
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "openrouter", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "openrouter": { "Destinations": {
                  "a": { "Address": "{{one}}" }, "b": { "Address": "{{two}}" {{metadata}} } } } }
              }
            }
            """);
    }
}
