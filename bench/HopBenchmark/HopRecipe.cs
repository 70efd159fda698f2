namespace HopBenchmark;

/// <summary>The way to start a hop, or the reason why it cannot be started.</summary>
/// <param name="Name">Its name in the tables.</param>
/// <param name="StartAsync">
/// Starts the hop; <see langword="null"/> if it cannot be started, with the reason in <paramref name="Absence"/>.
/// </param>
/// <param name="Absence">The reason for its absence.</param>
internal sealed record HopRecipe(string Name, Func<HopStarter, Task<Hop>>? StartAsync, string Absence = "");
