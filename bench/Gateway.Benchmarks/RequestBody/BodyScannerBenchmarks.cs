using System.Buffers;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Benchmarks.RequestBody;

/// <summary>Scans a whole body, compared with the framework's reader (which does not check UTF-8).</summary>
[MemoryDiagnoser]
public class BodyScannerBenchmarks
{
    private byte[] _body = [];

    public enum Sample
    {
        Chat1K,
        Conversation100K,
        Image5M,
    }

    [ParamsAllValues]
    public Sample Body { get; set; }

    [GlobalSetup]
    public void Setup() => _body = Body switch
    {
        Sample.Chat1K => SampleBodies.Chat(),
        Sample.Conversation100K => SampleBodies.Conversation(),
        _ => SampleBodies.Image(),
    };

    [Benchmark(Baseline = true)]
    public long FullWalk()
    {
        var reader = new Utf8JsonReader(_body, new JsonReaderOptions { MaxDepth = 1000 });
        while (reader.Read())
        {
        }

        return reader.BytesConsumed;
    }

    [Benchmark]
    public string? Scan()
    {
        using var scanner = new BodyScanner();
        scanner.Scan(_body);
        scanner.TryComplete(new ReadOnlySequence<byte>(_body), out var facts);
        return facts!.RequestedModel;
    }
}
