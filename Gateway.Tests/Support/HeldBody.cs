using System.Text;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Tests.Support;

/// <summary>A request body in memory, as the RequestBody phase leaves it.</summary>
internal sealed class HeldBody : IDisposable
{
    private readonly RequestBodyMemory _memory;
    private readonly BodyBuffer _buffer;

    public HeldBody(string body, params IReadOnlyList<BodyEdit> edits)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        _memory = new RequestBodyMemory(() => 256 * 1024 * 1024, () => 256, TimeProvider.System);
        _buffer = new BodyBuffer(_memory);
        for (var rest = bytes.AsSpan(); !rest.IsEmpty;)
        {
            var free = _buffer.GetMemory(rest.Length).Span;
            var count = Math.Min(free.Length, rest.Length);
            rest[..count].CopyTo(free);
            _buffer.Advance(count);
            rest = rest[count..];
        }

        Feature = new ProviderMappingFeature(
            RequestEndpoint.Generation, _buffer, wasDecoded: false, BodyScan.Facts(body), new ProviderMappingDecision(edits, null, "m", null));
    }

    public ProviderMappingFeature Feature { get; }

    public void Dispose()
    {
        Feature.Dispose();
        _buffer.Release();
        _memory.Dispose();
    }
}
