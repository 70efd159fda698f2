namespace Mutants;

/// <summary>The mutants that a test class reaches.</summary>
/// <param name="Name">The class.</param>
/// <param name="Passes">Whether its tests pass without a mutant; a class that does not is left out.</param>
/// <param name="Milliseconds">The time of its second run.</param>
/// <param name="Reached">The mutants that its second run reached.</param>
/// <param name="ReachedOnce">The mutants that its first run alone reached: they lie in the initialization of static members.</param>
internal sealed record ClassCoverage(string Name, bool Passes, long Milliseconds, int[] Reached, int[] ReachedOnce);
