using BenchmarkDotNet.Attributes;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Benchmarks.ProviderMapping;

/// <summary>Matches one name against a set of patterns of one shape, of which the last one matches.</summary>
[MemoryDiagnoser]
public class ModelPatternBenchmarks
{
    private const string Name = "anthropic/claude-sonnet-4.5:thinking";

    private ModelPattern[] _patterns = [];

    [Params(10, 1_000)]
    public int Count { get; set; }

    [Params("{0}/claude-sonnet-4.5:thinking", "{0}/*", "*/{0}", "*{0}*", "{0}*-*:thinking")]
    public string Shape { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var word = Shape.StartsWith("*/", StringComparison.Ordinal) ? "claude-sonnet-4.5:thinking" : "anthropic";
        var problems = new List<RuleProblem>();
        _patterns =
        [
            .. Enumerable.Range(0, Count).Select(i => ModelPattern.Create(
                Shape.Replace("{0}", i == Count - 1 ? word : $"vendor-{i}", StringComparison.Ordinal), "Model", problems)!),
        ];
    }

    [Benchmark]
    public int FirstMatch() => Array.FindIndex(_patterns, static pattern => pattern.IsMatch(Name));
}
