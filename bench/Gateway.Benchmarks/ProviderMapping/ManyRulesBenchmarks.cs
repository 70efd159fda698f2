using System.Buffers;
using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Benchmarks.ProviderMapping;

/// <summary>
/// The cost of a rule set, small and large: mostly <c>author/model*</c> and exact names, some <c>*word*</c> and <c>*:variant</c>. Names
/// change from request to request; every second one matches a rule.
/// </summary>
[MemoryDiagnoser]
public class ManyRulesBenchmarks
{
    private const int Names = 256;

    private List<ProviderRule> _rules = [];
    private ProviderMappingRules _set = ProviderMappingRules.Empty;
    private (BodyFacts Facts, ReadOnlySequence<byte> Body)[] _requests = [];
    private int _next;

    [Params(10, 10_000)]
    public int Count { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var provider = JsonElement.Parse("""{"order":["a"]}""");
        _rules =
        [
            .. Enumerable.Range(0, Count).Select(i => CreateRule(
                $"rule-{i}",
                (i % 10) switch
                {
                    < 6 => $"{Model(i)}*",
                    < 8 => Model(i),
                    8 => $"*-{i}-of-*",
                    _ => $"*:variant-{i}",
                },
                provider)),
        ];
        _set = new ProviderMappingRules(_rules, []);
        _requests = [.. Enumerable.Range(0, Names).Select(i => Request(Model(i % 2 == 0 ? i * 10 % Count : -i)))];
    }

    /// <summary>The whole decision about a request, without the scan of its body.</summary>
    [Benchmark]
    public object Decide()
    {
        var (facts, body) = _requests[_next++ % Names];
        return _set.Decide(facts, body, RequestEndpoint.Generation);
    }

    /// <summary>The cost of a reload for its rules.</summary>
    [Benchmark]
    public ProviderMappingRules Compile() => new(_rules, []);

    private static ProviderRule CreateRule(string name, string model, JsonElement provider)
    {
        var problems = new List<RuleProblem>();
        return ProviderRule.TryCreate(name, [model], provider, WhenClientSetsProvider.KeepClient, problems, out var rule)
            ? rule
            : throw new InvalidOperationException(string.Join("; ", problems));
    }

    private static string Model(int i) => string.Create(CultureInfo.InvariantCulture, $"author-{(uint)i % 60}/model-{i}");

    private static (BodyFacts Facts, ReadOnlySequence<byte> Body) Request(string model)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["model"] = model });
        var sequence = new ReadOnlySequence<byte>(body);
        using var scanner = new BodyScanner();
        return scanner.Scan(body) && scanner.TryComplete(sequence, out var facts)
            ? (facts, sequence)
            : throw new InvalidOperationException("the body is invalid");
    }
}
