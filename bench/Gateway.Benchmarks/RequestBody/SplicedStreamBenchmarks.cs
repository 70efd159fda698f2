using System.Buffers;
using BenchmarkDotNet.Attributes;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Benchmarks.RequestBody;

/// <summary>Reads a spliced body to its end in the way of YARP's copier: an empty read, then reads of 64 KB.</summary>
[MemoryDiagnoser]
public class SplicedStreamBenchmarks
{
    private static readonly byte[] Block = ",\"provider\":{\"order\":[\"Anthropic\",\"Google\"]}"u8.ToArray();

    // One for the process, as in the library.
    private static readonly RequestBodyMemory Memory = new(static () => int.MaxValue, static () => 0, TimeProvider.System);

    private readonly byte[] _target = new byte[64 * 1024];
    private BodyBuffer _body = null!;
    private BodyEdit[] _edits = [];

    [Params(1_000, 100_000, 5_000_000)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _body = new BodyBuffer(Memory);
        while (_body.Length < Length)
        {
            _body.Advance(Math.Min(_body.GetMemory(Length - _body.Length).Length, Length - _body.Length));
        }

        _edits = [new BodyEdit(Length - 1, 0, Block)];
    }

    [GlobalCleanup]
    public void Cleanup() => _body.Release();

    [Benchmark(Baseline = true)]
    public long CopySegments()
    {
        long total = 0;
        var rest = _body.Bytes;
        while (!rest.IsEmpty)
        {
            var part = rest.Slice(0, Math.Min(rest.Length, _target.Length));
            part.CopyTo(_target);
            total += part.Length;
            rest = rest.Slice(part.End);
        }

        return total;
    }

    [Benchmark]
    public long ReadSpliced()
    {
        using var stream = new SplicedStream(_body.Bytes, _edits, static () => { });
        while (true)
        {
            _ = stream.Read([]);
            if (stream.Read(_target) == 0)
            {
                return stream.Position;
            }
        }
    }
}
