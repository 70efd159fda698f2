namespace HopBenchmark;

/// <summary>A load that every hop gets in turn.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Title">Its heading in the report.</param>
/// <param name="Unit">What is counted: requests or events.</param>
/// <param name="Goal">The most CPU time that the gateway may take, as a multiple of plain YARP's, if there is a goal.</param>
/// <param name="WithTeams">Whether the gateway with teams gets it too.</param>
/// <param name="WarmUpAsync">Runs until the hop's code is compiled for good.</param>
/// <param name="RunAsync">One round.</param>
internal sealed record Scenario(
    string Name, string Title, string Unit, double? Goal, bool WithTeams, Func<Hop, Task> WarmUpAsync, Func<Hop, Task<LoadResult>> RunAsync)
{
    /// <summary>Whether a hop gets this load.</summary>
    public bool Includes(Hop hop) => WithTeams || hop.Name != Hop.GatewayTeams;
}
