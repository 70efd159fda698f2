using Gateway.Configuration.Tree;
using Gateway.Teams;

namespace Gateway.Configuration.Model;

/// <summary>The server tools and plugins of a team.</summary>
internal sealed record ServerToolsSettings : ISettings<ServerToolsSettings>
{
    /// <summary>
    /// Patterns of the open tools: types such as <c>openrouter:web_search</c>, <c>plugin:ID</c> and <c>preset:SLUG</c>. A list replaces the
    /// default one of docs/server-tools.md.
    /// </summary>
    /// <remarks>The default is <see cref="ServerToolRights.DefaultPatterns"/>.</remarks>
    public IReadOnlyList<string>? Allow { get; init; }

    /// <summary>The policy for a request that uses a closed tool. Default: <c>Refuse</c>.</summary>
    public WhenToolClosed WhenClosed { get; init; }

    /// <summary>
    /// The cost of server tools in US dollars that a request under a budget reserves, and at which it stops to call them; above 0 and up to
    /// 9,000,000. Default: 0.25.
    /// </summary>
    public decimal? MaxUsd { get; init; }

    /// <inheritdoc/>
    public static ServerToolsSettings Create(SettingsMembers members) => new()
    {
        Allow = members.OptionalTexts(nameof(Allow)),
        WhenClosed = members.Word<WhenToolClosed>(nameof(WhenClosed)),
        MaxUsd = members.OptionalDecimal(nameof(MaxUsd)),
    };
}
