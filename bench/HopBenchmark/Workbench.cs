namespace HopBenchmark;

/// <summary>What every scenario works with.</summary>
/// <param name="Options">What the command line asks for.</param>
/// <param name="Folder">A folder of this run, deleted at its end.</param>
/// <param name="Bodies">What is posted.</param>
/// <param name="Starter">Starts hops in front of the scripted upstream.</param>
/// <param name="Direct">The way without a hop.</param>
/// <param name="GatewayProgram">The published gateway of this clone.</param>
/// <param name="Recipes">The hops that take part.</param>
/// <param name="Rounds">Measures.</param>
/// <param name="Report">Takes the results.</param>
internal sealed record Workbench(
    HopComparisonOptions Options,
    string Folder,
    RequestBodies Bodies,
    HopStarter Starter,
    Hop Direct,
    string GatewayProgram,
    IReadOnlyList<HopRecipe> Recipes,
    Rounds Rounds,
    MarkdownReport Report);
