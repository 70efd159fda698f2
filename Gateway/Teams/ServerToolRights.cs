using Gateway.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Teams;

/// <summary>The server tools and plugins that are open to a team. OpenRouter executes them by itself. Immutable.</summary>
internal sealed class ServerToolRights
{
    /// <summary>
    /// The patterns of the tools that are open by default: those that name no model and touch no shared store, and those that name models,
    /// which the model rights judge. Files, shells, MCP servers, containers and every unknown tool are closed.
    /// </summary>
    public static readonly IReadOnlyList<string> DefaultPatterns =
    [
        "*web_search*", "*web_fetch*", "openrouter:datetime", "*tool_search*", "openrouter:apply_patch",
        "openrouter:experimental__search_models", "plugin:web", "plugin:web-fetch", "plugin:file-parser", "plugin:response-healing",
        "plugin:context-compression", "plugin:moderation",
        "openrouter:advisor", "advisor_*", "openrouter:subagent", "openrouter:fusion", "openrouter:image_generation", "image_generation",
        "plugin:auto-router", "plugin:auto-beta-router", "plugin:pareto-router", "plugin:switchyard-router", "plugin:fusion", "preset:*",
        "prompt:*",
    ];

    // A router's choice is priced like a named model. Every other tool that is not known to be free may cost more than tokens.
    private static readonly ModelPatternSet Free = Compile(
        "openrouter:datetime", "*tool_search*", "openrouter:apply_patch", "openrouter:experimental__search_models",
        "plugin:response-healing", "plugin:context-compression", "plugin:moderation", "plugin:auto-router", "plugin:auto-beta-router",
        "plugin:pareto-router", "plugin:switchyard-router");

    private static readonly ModelPatternSet Searching = Compile("*web_search*", "plugin:web");

    private static readonly ModelPatternSet OpenByDefault = Compile([.. DefaultPatterns]);

    private readonly ModelPatternSet _open;

    /// <summary>Creates the rights.</summary>
    /// <param name="allowed">The patterns of the open tools; <see langword="null"/> for <see cref="DefaultPatterns"/>.</param>
    /// <param name="whenClosed">The policy for a request that uses a closed tool.</param>
    /// <param name="maxCost">The cost of server tools to reserve and to stop at.</param>
    public ServerToolRights(IReadOnlyList<ModelPattern>? allowed, WhenToolClosed whenClosed, PicoDollars maxCost)
    {
        Allowed = allowed;
        WhenClosed = whenClosed;
        MaxCost = maxCost;
        _open = allowed is null ? OpenByDefault : new ModelPatternSet(allowed);
    }

    /// <summary>The rights of a team without settings.</summary>
    public static ServerToolRights Default { get; } = new(null, WhenToolClosed.Refuse, new PicoDollars(250_000_000_000));

    /// <summary>The patterns of the open tools, as written; <see langword="null"/> for <see cref="DefaultPatterns"/>.</summary>
    public IReadOnlyList<ModelPattern>? Allowed { get; }

    /// <summary>The policy for a request that uses a closed tool.</summary>
    public WhenToolClosed WhenClosed { get; }

    /// <summary>The cost of server tools that a request under a budget reserves, and at which it stops to call them.</summary>
    public PicoDollars MaxCost { get; }

    /// <summary>Whether a tool is open.</summary>
    /// <param name="name">The tool's name: its type, <c>plugin:ID</c>, <c>preset:SLUG</c> or <c>prompt:ID</c>.</param>
    public bool IsOpen(string name) => _open.IsMatch(name);

    /// <summary>Whether a tool may cost more than the tokens of the models that a request names.</summary>
    public static bool MayCostMore(string name) => !Free.IsMatch(name);

    /// <summary>Whether a tool searches the web.</summary>
    public static bool Searches(string name) => Searching.IsMatch(name);

    private static ModelPatternSet Compile(params string[] patterns)
    {
        var problems = new List<RuleProblem>();
        return new ModelPatternSet(ServerToolPatterns.Read(patterns, "", problems)!);
    }
}
