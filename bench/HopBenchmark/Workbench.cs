namespace HopBenchmark;

/// <summary>The common parts of all scenarios.</summary>
/// <param name="Options">The options of the command line.</param>
/// <param name="Folder">A folder for this run, deleted at its end.</param>
/// <param name="Bodies">The request bodies.</param>
/// <param name="Starter">Starts hops in front of the scripted upstream.</param>
/// <param name="Direct">The direct connection.</param>
/// <param name="GatewayProgram">The published gateway of this clone.</param>
/// <param name="Recipes">The selected hops.</param>
/// <param name="Native">The native gateway with all features on.</param>
/// <param name="Rounds">Measures hops.</param>
/// <param name="Report">Receives the results.</param>
internal sealed record Workbench(
    HopComparisonOptions Options,
    string Folder,
    RequestBodies Bodies,
    HopStarter Starter,
    Hop Direct,
    string GatewayProgram,
    IReadOnlyList<HopRecipe> Recipes,
    HopRecipe Native,
    Rounds Rounds,
    MarkdownReport Report);
