using System.Text.Json;

namespace Mutants;

/// <summary>The copy of the repository that is instrumented, and the files of a session in its folder <c>.mutants</c>.</summary>
internal sealed class Workspace(string root)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>The folder of the built tests.</summary>
    public string TestFolder => Path.Combine(Root, "Gateway.Tests", "bin", "Debug", "net10.0");

    /// <summary>One line a mutant: id, outcome, test, milliseconds. A later line of a mutant replaces an earlier one.</summary>
    public string ResultsPath => State("results.tsv");

    /// <summary>The mutant that is being run, so that the end of its process can be charged to it.</summary>
    public string CurrentPath => State("current");

    public string State(string name)
    {
        var path = Path.Combine(Root, ".mutants", name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    public IReadOnlyList<Mutant> Mutants() => Read<List<Mutant>>("mutants.json")!;

    public T? Read<T>(string name) => File.Exists(State(name)) ? JsonSerializer.Deserialize<T>(File.ReadAllText(State(name))) : default;

    public void Write<T>(string name, T value) => File.WriteAllText(State(name), JsonSerializer.Serialize(value, Json));

    /// <summary>The mutants that the test classes reach, as far as they are known.</summary>
    public IReadOnlyList<ClassCoverage> Coverage() =>
        [.. Directory.GetFiles(State("coverage/"), "*.json").Order().Select(file => Read<ClassCoverage>("coverage/" + Path.GetFileName(file))!)];

    public Dictionary<int, MutantResult> Results()
    {
        var results = new Dictionary<int, MutantResult>();
        foreach (var line in File.Exists(ResultsPath) ? File.ReadAllLines(ResultsPath) : [])
        {
            var result = MutantResult.Parse(line);
            results[result.Id] = result;
        }

        return results;
    }

    public void Append(MutantResult result) => File.AppendAllText(ResultsPath, result + "\n");
}
