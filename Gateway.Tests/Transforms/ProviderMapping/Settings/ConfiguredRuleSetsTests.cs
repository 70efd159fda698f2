using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Settings;

public class ConfiguredRuleSetsTests
{
    [Fact]
    public void NewRuleSet_IsFoundByListenersThatAreNotifiedEarlier()
    {
        // YARP validates its routes in a listener of the same token. Listeners run in no documented order, so there is one on either side.
        var root = new ConfigurationBuilder()
            .AddInMemoryCollection([KeyValuePair.Create<string, string?>("ProviderMapping:Rules", "")])
            .Build();
        ConfiguredRuleSets? sets = null;
        var found = new List<bool>();
        using var before = ChangeToken.OnChange(root.GetReloadToken, () => found.Add(sets!.Find("Strict") is not null));
        using var created = sets = new ConfiguredRuleSets(
            root.GetSection("ProviderMapping"), NullLogger<ConfiguredRuleSets>.Instance);
        using var after = ChangeToken.OnChange(root.GetReloadToken, () => found.Add(sets.Find("Strict") is not null));

        root["ProviderMapping:RuleSets:Strict:Rules"] = "";
        root.Reload();

        Assert.Equal([true, true], found);
        Assert.Equal(["Default", "Strict"], sets.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Dispose_EndsTheReloads()
    {
        var root = new ConfigurationBuilder()
            .AddInMemoryCollection([KeyValuePair.Create<string, string?>("ProviderMapping:Rules", "")])
            .Build();
        var sets = new ConfiguredRuleSets(root.GetSection("ProviderMapping"), NullLogger<ConfiguredRuleSets>.Instance);
        var rules = sets.Default;

        sets.Dispose();
        root["ProviderMapping:Aliases:0:Model"] = "a";
        root["ProviderMapping:Aliases:0:Use"] = "b";
        root.Reload();

        Assert.Same(rules, sets.Default);
    }
}
