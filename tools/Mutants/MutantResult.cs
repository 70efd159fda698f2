using System.Globalization;

namespace Mutants;

/// <summary>The outcome of a mutant.</summary>
/// <param name="Id">The mutant.</param>
/// <param name="Outcome"><c>killed</c>, <c>timeout</c>, <c>crashed</c>, <c>survived</c> or <c>uncovered</c>.</param>
/// <param name="Test">The test that failed, or the test classes that passed.</param>
/// <param name="Milliseconds">The time that it took.</param>
internal sealed record MutantResult(int Id, string Outcome, string Test, long Milliseconds)
{
    /// <summary>Whether the tests noticed the mutant.</summary>
    public bool IsKilled => Outcome is "killed" or "timeout" or "crashed";

    public static MutantResult Parse(string line)
    {
        var parts = line.Split('\t');
        return new MutantResult(
            int.Parse(parts[0], CultureInfo.InvariantCulture), parts[1], parts[2], long.Parse(parts[3], CultureInfo.InvariantCulture));
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Id}\t{Outcome}\t{Test.ReplaceLineEndings(" ").Replace('\t', ' ')}\t{Milliseconds}");
}
