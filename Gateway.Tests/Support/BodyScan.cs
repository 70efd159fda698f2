using System.Buffers;
using System.Globalization;
using System.Text;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>Scans bodies in every way in which they may arrive, and writes the findings as text, so that two outcomes are easy to compare.</summary>
internal static class BodyScan
{
    public static string Whole(byte[] body) => InPieces(body, [body]);

    public static string ByteByByte(byte[] body) => InPieces(body, [.. body.Chunk(1)]);

    public static string SplitAt(byte[] body, int cut) => InPieces(body, [body[..cut], body[cut..]]);

    public static string InPieces(byte[] body, IReadOnlyList<byte[]> pieces)
    {
        using var scanner = new BodyScanner();
        foreach (var piece in pieces)
        {
            // A copy that is overwritten afterwards: the scanner must not look back at bytes it was shown earlier.
            var lent = (byte[])piece.Clone();
            var isFaultless = scanner.Scan(lent);
            Array.Fill(lent, (byte)'"');
            Assert.Equal(scanner.Fault is null, isFaultless);
            if (!isFaultless)
            {
                break;
            }
        }

        var completed = scanner.TryComplete(SegmentedSequence.Create(pieces), out var facts);
        Assert.Equal(scanner.Fault is null, completed);
        Assert.Equal(completed, facts is not null);
        return facts is null ? Describe(scanner.Fault!.Value) : Describe(facts);
    }

    public static BodyFacts Facts(string body) => Facts(Encoding.UTF8.GetBytes(body));

    public static BodyFacts Facts(byte[] body)
    {
        using var scanner = new BodyScanner();
        scanner.Scan(body);
        Assert.True(scanner.TryComplete(new ReadOnlySequence<byte>(body), out var facts), scanner.Fault?.ToString());
        return facts!;
    }

    public static BodyFault? FaultOf(byte[] body)
    {
        using var scanner = new BodyScanner();
        scanner.Scan(body);
        scanner.TryComplete(new ReadOnlySequence<byte>(body), out _);
        return scanner.Fault;
    }

    /// <summary>Asserts that the outcome does not depend on how the body arrived, and returns it.</summary>
    public static string EveryWay(byte[] body)
    {
        var whole = Whole(body);
        Assert.Equal(whole, ByteByByte(body));
        for (var cut = 1; cut < body.Length; cut++)
        {
            var split = SplitAt(body, cut);
            if (split != whole)
            {
                Assert.Fail($"Cut at {cut} of {Convert.ToHexString(body)} ({Encoding.Latin1.GetString(body)}):\n{split}\nwhole:\n{whole}");
            }
        }

        return whole;
    }

    public static string Describe(BodyFault fault) => string.Create(CultureInfo.InvariantCulture, $"fault at {fault.Offset}: {fault.Problem}");

    public static string Describe(BodyFacts facts)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"length {facts.Length}, insert at {facts.InsertAt}, empty {facts.IsEmpty}\n");
        foreach (var member in facts.Members)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{member.Name} {member.Kind} key {member.Start}, value {member.Value.Start}+{member.Value.Length}, comma {member.CommaEnd}\n");
        }

        foreach (var model in facts.Models)
        {
            text.Append(CultureInfo.InvariantCulture, $"names '{model.Text}' at {model.Value.Start}+{model.Value.Length} in {model.Member}\n");
        }

        text.Append(Describe(facts.ServerTools));
        return text.ToString();
    }

    /// <summary>The server tools as text; empty for none.</summary>
    public static string Describe(ServerToolFacts tools)
    {
        var text = new StringBuilder(tools.IsFast ? "fast\n" : "");
        foreach (var use in tools.Uses)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"uses {use.Name} in element {use.Element}, models [{string.Join(" ", use.Models)}], any {use.NamesAnyModel}\n");
        }

        foreach (var (list, index, value, commaStart, commaEnd) in tools.Elements)
        {
            text.Append(
                CultureInfo.InvariantCulture, $"element {index} of list {list}: {value.Start}+{value.Length}, commas {commaStart} {commaEnd}\n");
        }

        foreach (var (member, count) in tools.Lists)
        {
            text.Append(CultureInfo.InvariantCulture, $"list in member {member} of {count}\n");
        }

        return text.ToString();
    }
}
