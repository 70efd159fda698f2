namespace HopBenchmark;

/// <summary>How a hop is started, or why it cannot be.</summary>
/// <param name="Name">Its name in the tables.</param>
/// <param name="StartAsync">Starts it; <see langword="null"/> where <paramref name="Absence"/> says why it cannot be.</param>
/// <param name="Absence">Why it is not there.</param>
internal sealed record HopRecipe(string Name, Func<HopStarter, Task<Hop>>? StartAsync, string Absence = "");
