using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody.Tools;

/// <summary>
/// Promise: the scan finds the server tools that a full walk with the framework's reader finds, however the body is split and damaged.
/// Two million bodies are an effort of 800.
/// </summary>
public sealed class ServerToolFuzzTests(ITestOutputHelper output)
{
    private static readonly int Iterations = TestEffort.Times(2_500);

    [Fact]
    public void GeneratedBodies_HaveTheServerToolsOfAFullWalk()
    {
        var seed = TestEffort.Seed(20261128);
        output.WriteLine($"seed {seed}, {Iterations} iterations");
        var random = new TestRandom(seed);
        var (valid, used) = (0, 0);
        for (var i = 0; i < Iterations; i++)
        {
            var text = RandomTools.Body(random);
            var body = Encoding.UTF8.GetBytes(random.Next(40) == 0 ? "\uFEFF" + text : text);
            if (random.Next(3) == 0)
            {
                body = Damage(body, random);
            }

            try
            {
                var whole = BodyScan.Whole(body);
                Assert.Equal(whole, BodyScan.InPieces(body, Cut(body, random)));
                var isValid = NaiveScan.IsValid(body);
                Assert.Equal(isValid, whole.StartsWith("length ", StringComparison.Ordinal));
                if (isValid)
                {
                    valid++;
                    var tools = BodyScan.Describe(BodyScan.Facts(body).ServerTools);
                    Assert.Equal(ToolsFromJson.Describe(body), tools);
                    used += tools.Length > 0 ? 1 : 0;
                }
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException(
                    $"seed {seed}, iteration {i}, body {Convert.ToHexString(body)} ({Encoding.UTF8.GetString(body)})", exception);
            }
        }

        Assert.InRange(valid, Iterations / 2, Iterations);
        Assert.InRange(used, valid / 2, valid);
    }

    private static byte[] Damage(byte[] body, TestRandom random)
    {
        var at = random.Next(body.Length);
        switch (random.Next(4))
        {
            case 0:
                body[at] = (byte)random.Next(256);
                return body;
            case 1:
                var length = Math.Min(1 + random.Next(12), body.Length - at);
                return [.. body[..at], .. body[(at + length)..]];
            case 2:
                return [.. body[..at], .. body[at..Math.Min(body.Length, at + random.Next(30))], .. body[at..]];
            default:
                return [.. body[..at], (byte)"{}[]\",:\\"[random.Next(8)], .. body[at..]];
        }
    }

    private static List<byte[]> Cut(byte[] body, TestRandom random)
    {
        var pieces = new List<byte[]>();
        for (var at = 0; at < body.Length;)
        {
            var length = Math.Min(1 + random.Next(20), body.Length - at);
            pieces.Add(body[at..(at + length)]);
            at += length;
        }

        return pieces;
    }
}
