using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Blocks;

public class ProviderNamesTests
{
    [Theory]
    [InlineData("Google", "google-vertex")]
    [InlineData("google", "google-vertex")]
    [InlineData("Google AI Studio", "google-ai-studio")]
    [InlineData("Amazon Bedrock", "amazon-bedrock")]
    [InlineData("Moonshot AI", "moonshotai")]
    [InlineData("Z.AI", "z-ai")]
    [InlineData("xAI", "xai")]
    [InlineData("DeepInfra", "deepinfra")]
    [InlineData("DeepInfra/Turbo", "deepinfra/turbo")]
    [InlineData("Google/us-east5", "google-vertex/us-east5")]
    [InlineData("Nobody Knows", "nobody knows")]
    public void Name_HasOneCanonicalSpelling(string name, string expected) => Assert.Equal(expected, ProviderNames.Canonical(name));

    [Theory]
    [InlineData("anthropic", true)]
    [InlineData("Amazon Bedrock", true)]
    [InlineData("deepinfra/turbo", true)]
    [InlineData("deepinfra/made-up", true)]
    [InlineData("antropic", false)]
    [InlineData("/turbo", false)]
    public void KnownProviders_AreToldFromOthers(string name, bool expected) =>
        Assert.Equal(expected, ProviderNames.IsKnown(ProviderNames.Canonical(name)));

    [Theory]
    [InlineData("deepinfra", "deepinfra", true)]
    [InlineData("deepinfra", "deepinfra/turbo", true)]
    [InlineData("deepinfra/turbo", "deepinfra", false)]
    [InlineData("deepinfra/turbo", "deepinfra/turbo", true)]
    [InlineData("deepinfra/turbo", "deepinfra/fp8", false)]
    [InlineData("deep", "deepinfra", false)]
    [InlineData("google", "google-vertex", false)]
    [InlineData("openai", "openai/priority", false)]
    [InlineData("google-vertex", "google-vertex/flex", false)]
    [InlineData("openai/priority", "openai/priority", true)]
    [InlineData("azure", "azure/priority ", false)]
    [InlineData("azure", "azure/ flex", false)]
    public void BaseSlug_CoversItsEndpointsButNoServiceTier(string broad, string narrow, bool expected) =>
        Assert.Equal(expected, ProviderNames.Covers(broad, narrow));

    [Theory]
    [InlineData("openai", "openai", true)]
    [InlineData("openai", "openai/priority", true)]
    [InlineData("openai", "openai/flex", true)]
    [InlineData("openai", "openai/eu/flex", true)]
    [InlineData("openai", " openai / flex ", true)]
    [InlineData("google-vertex", "google /flex", true)]
    [InlineData("google-vertex", " google ", true)]
    [InlineData("openai/flex", "openai/flex ", true)]
    [InlineData("openai/flex", "openai/priority", false)]
    [InlineData("openai/flex", "openai", false)]
    [InlineData("openai", "openai-eu/flex", false)]
    public void DeniedProvider_IncludesItsServiceTiers(string broad, string narrow, bool expected) =>
        Assert.Equal(expected, new ProviderList([new(broad, broad, default)]).Denies(new(narrow, narrow, default)));
}
