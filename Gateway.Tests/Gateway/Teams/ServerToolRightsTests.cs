using Gateway.Teams;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;

namespace Gateway.Tests.Gateway.Teams;

public sealed class ServerToolRightsTests
{
    [Theory]
    [InlineData("openrouter:web_search", true)]
    [InlineData("web_search", true)]
    [InlineData("web_search_20250305", true)]
    [InlineData("web_fetch_20250910", true)]
    [InlineData("openrouter:datetime", true)]
    [InlineData("tool_search_tool_regex", true)]
    [InlineData("openrouter:advisor", true)]
    [InlineData("advisor_20260301", true)]
    [InlineData("plugin:file-parser", true)]
    [InlineData("plugin:fusion", true)]
    [InlineData("preset:x", true)]
    [InlineData("openrouter:files", false)]
    [InlineData("openrouter:shell", false)]
    [InlineData("openrouter:bash", false)]
    [InlineData("shell", false)]
    [InlineData("local_shell", false)]
    [InlineData("mcp", false)]
    [InlineData("file_search", false)]
    [InlineData("code_interpreter", false)]
    [InlineData("code_execution_20250825", false)]
    [InlineData("openrouter:memory", false)]
    [InlineData("plugin:unknown", false)]
    [InlineData("(unknown)", false)]
    [InlineData("", false)]
    public void Default_OpensWhatTouchesNoSharedStore(string tool, bool isOpen) =>
        Assert.Equal(isOpen, ServerToolRights.Default.IsOpen(tool));

    [Theory]
    [InlineData("openrouter:datetime", false)]
    [InlineData("openrouter:tool_search", false)]
    [InlineData("plugin:auto-router", false)]
    [InlineData("plugin:moderation", false)]
    [InlineData("openrouter:web_search", true)]
    [InlineData("plugin:file-parser", true)]
    [InlineData("plugin:fusion", true)]
    [InlineData("mcp", true)]
    [InlineData("preset:x", true)]
    public void UnknownCost_CountsAsMoreThanTokens(string tool, bool mayCostMore) =>
        Assert.Equal(mayCostMore, ServerToolRights.MayCostMore(tool));

    [Fact]
    public void Document_ListsWhatIsOpen()
    {
        var document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "server-tools.md"));
        var list = document.Split("```")[1];

        Assert.Equal(ServerToolRights.DefaultPatterns, list.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal("0.25", ServerToolRights.Default.MaxCost.ToString());
    }

    [Fact]
    public void List_ReplacesTheDefault()
    {
        var rights = new ServerToolRights(ServerToolPatterns.Read(["mcp"], "", []), WhenToolClosed.Refuse, default);

        Assert.True(rights.IsOpen("MCP"));
        Assert.False(rights.IsOpen("openrouter:web_search"));
    }
}
