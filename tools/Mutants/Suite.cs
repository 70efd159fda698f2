namespace Mutants;

/// <summary>A folder and the tests that are run against its mutants.</summary>
/// <param name="Folder">The beginning of the files' paths, relative to the root of the repository.</param>
/// <param name="Tests">The beginnings of the full names of the test classes.</param>
/// <param name="Except">The beginnings of the paths that are left out; another suite has them.</param>
internal sealed record Suite(string Folder, string[] Tests, string[]? Except = null)
{
    /// <summary>A random sample of the folder's mutants, in the order of the files. A larger sample of a seed contains the smaller ones.</summary>
    public IEnumerable<Mutant> Sample(Workspace workspace, int count, uint seed) =>
        MutantsOf(workspace).OrderBy(mutant => Mix(mutant.Id, seed)).Take(count).OrderBy(static mutant => mutant.Id);

    public IEnumerable<Mutant> MutantsOf(Workspace workspace) =>
        workspace.Mutants().Where(mutant => mutant.File.StartsWith(Folder, StringComparison.Ordinal)
            && !(Except ?? []).Any(except => mutant.File.StartsWith(except, StringComparison.Ordinal)));

    private static uint Mix(int id, uint seed)
    {
        var mixed = ((uint)id + (seed * 0x9E3779B9u)) * 0x85EBCA6Bu;
        mixed = (mixed ^ (mixed >> 15)) * 0xC2B2AE35u;
        return mixed ^ (mixed >> 13);
    }
}
