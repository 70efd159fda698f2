using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms;

/// <summary>Whole rewrites, compared byte by byte: one folder a case below <c>Cases/rewrite</c>.</summary>
public class GoldenRewriteTests
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "Cases", "rewrite");

    public static TheoryData<string> Cases => [.. Directory.EnumerateDirectories(Root).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rewrite_GivesTheExpectedBytes(string name)
    {
        var body = File.ReadAllBytes(Path.Combine(Root, name, "request.json"));
        var (rules, endpoint) = ReadRules(Path.Combine(Root, name, "rules.json"));
        var expected = Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(Root, name, "expected.json")));

        // Segments of one byte up: a name or a block may be cut anywhere.
        foreach (var segmentSize in new[] { int.MaxValue, 1, 2, 7 })
        {
            var sequence = SegmentedSequence.Create(body, segmentSize);
            using var scanner = new BodyScanner();
            foreach (var segment in sequence)
            {
                Assert.True(scanner.Scan(segment.Span), scanner.Fault?.ToString());
            }

            Assert.True(scanner.TryComplete(sequence, out var facts), scanner.Fault?.ToString());
            var decision = rules.Decide(facts, sequence, endpoint);
            Assert.Null(decision.Rejection);
            Assert.Equal(expected, Encoding.UTF8.GetString(Splice(sequence, decision.Edits)));
        }
    }

    private static byte[] Splice(in ReadOnlySequence<byte> body, IReadOnlyList<BodyEdit> edits)
    {
        using var stream = new SplicedStream(body, edits, () => { });
        using var result = new MemoryStream();
        stream.CopyTo(result);
        Assert.Equal(stream.Length, result.Length);
        return result.ToArray();
    }

    private static (ProviderMappingRules Rules, RequestEndpoint Endpoint) ReadRules(string path)
    {
        var json = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        var endpoint = json["Endpoint"] is { } kind ? Enum.Parse<RequestEndpoint>(kind.GetValue<string>()) : RequestEndpoint.Generation;
        json.Remove("Endpoint");
        return (ProviderMappingRules.Parse(json.ToJsonString()), endpoint);
    }
}
