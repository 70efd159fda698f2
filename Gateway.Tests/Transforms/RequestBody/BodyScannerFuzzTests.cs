using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>
/// Promise: the scanner judges bodies that are damaged at random as the framework's reader does. Two million bodies are an effort of 160.
/// </summary>
public class BodyScannerFuzzTests(ITestOutputHelper output)
{
    private static readonly int Iterations = TestEffort.Times(12_500);

    // Below the scanner's limits on notes: three bytes are the shortest entry of `models`.
    private const int MaxLength = 3_000;

    private static readonly byte[][] Pieces =
    [
        .. ((string[])
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "0", "1", "-", "+", ".", "e", "E", "true", "false", "null", "\\u0065", "\\ud800", "\\\"", "\\\\",
            "\"model\":", "\"m\",", "\"models\":[\"a\"],", "\"fallbacks\":[{\"model\":\"f\"}],", "\"provider\":{},", ",\"stream\":true", "é", "😀", "\u0000", "\uFEFF", "{\"a\":[", "]}",
        ]).Select(Encoding.UTF8.GetBytes),
        [0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F], [0xFF], [0xED, 0xA0, 0x80], [0xC0, 0xAF],
    ];

    [Fact]
    public void DamagedBodies_AreJudgedAsByTheFramework()
    {
        var seed = TestEffort.Seed(20261122);
        output.WriteLine($"seed {seed}, {Iterations} iterations");

        var random = new TestRandom(seed);
        byte[][] seeds = [.. BodyScannerFactsTests.Bodies.Select(row => Encoding.UTF8.GetBytes(row.Data))];
        var valid = 0;
        for (var i = 0; i < Iterations; i++)
        {
            var body = Mutate([.. seeds[random.Next(seeds.Length)]], random);
            try
            {
                var isValid = NaiveScan.IsValid(body);
                valid += isValid ? 1 : 0;
                var whole = BodyScan.Whole(body);
                Assert.Equal(isValid, whole.StartsWith("length ", StringComparison.Ordinal));
                Assert.Equal(whole, BodyScan.InPieces(body, Cut(body, random)));
                if (isValid && !body.AsSpan().ContainsAny("\\u"u8))
                {
                    Assert.Equal(BodyScan.Describe(NaiveScan.Facts(body)), whole);
                }
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"seed {seed}, iteration {i}, body {Convert.ToHexString(body)} ({Encoding.UTF8.GetString(body)})", exception);
            }
        }

        // Only damage would test half of it.
        Assert.InRange(valid, Iterations / 50, Iterations / 2);
    }

    private static byte[] Mutate(List<byte> body, TestRandom random)
    {
        for (var rounds = 1 + random.Next(4); rounds > 0; rounds--)
        {
            var at = random.Next(body.Count + 1);
            var length = Math.Min(random.Next(12), body.Count - at);
            switch (random.Next(6))
            {
                case 0 when at < body.Count:
                    body[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < body.Count:
                    body[at] = (byte)random.Next(256);
                    break;
                case 2:
                    body.RemoveRange(at, length);
                    break;
                case 3:
                    body.InsertRange(at, body.GetRange(at, length));
                    break;
                case 4:
                    body.InsertRange(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 5 when random.Next(4) == 0:
                    body.RemoveRange(at, body.Count - at);
                    break;
            }
        }

        return [.. body.Take(MaxLength)];
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
