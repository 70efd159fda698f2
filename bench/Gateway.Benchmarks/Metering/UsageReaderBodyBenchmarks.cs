using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Gateway.Metering;

namespace Gateway.Benchmarks.Metering;

/// <summary>Reads a body of 5 MB in pieces of 64 KB, compared with the framework's reader on the whole body.</summary>
[MemoryDiagnoser]
public class UsageReaderBodyBenchmarks
{
    private const int Piece = 64 * 1024;

    private byte[] _body = [];

    public enum Sample
    {
        Text5M,
        Embeddings5M,
        Image5M,
    }

    [ParamsAllValues]
    public Sample Body { get; set; }

    [GlobalSetup]
    public void Setup() => _body = SampleAnswers.Body(Body);

    [Benchmark(Baseline = true)]
    public long FullWalk()
    {
        var reader = new Utf8JsonReader(_body);
        while (reader.Read())
        {
        }

        return reader.BytesConsumed;
    }

    [Benchmark]
    public bool Read()
    {
        var reader = new UsageReader(isEventStream: false);
        for (var at = 0; at < _body.Length; at += Piece)
        {
            reader.Read(_body.AsSpan(at, Math.Min(Piece, _body.Length - at)));
        }

        return reader.Facts.IsComplete;
    }
}
