using BenchmarkDotNet.Attributes;
using Gateway.Metering;

namespace Gateway.Benchmarks.Metering;

/// <summary>The cost of observing one text event, in one read or cut in two.</summary>
[MemoryDiagnoser]
public class UsageReaderBenchmarks
{
    private readonly IResponseReader _reader = ResponseReaders.Create(isEventStream: true, []);
    private byte[] _event = [];

    public enum Dialect
    {
        Chat,
        Responses,
        Messages,
    }

    [ParamsAllValues]
    public Dialect Answer { get; set; }

    [GlobalSetup]
    public void Setup() => _event = SampleAnswers.TextEvent(Answer);

    [GlobalCleanup]
    public void Cleanup() => _reader.Dispose();

    [Benchmark(Baseline = true)]
    public bool WholeEvent()
    {
        _reader.Read(_event);
        return _reader.IsComplete;
    }

    [Benchmark]
    public bool CutEvent()
    {
        var middle = _event.Length / 2;
        _reader.Read(_event.AsSpan(0, middle));
        _reader.Read(_event.AsSpan(middle));
        return _reader.IsComplete;
    }
}
