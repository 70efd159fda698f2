using System.Text;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>Compares a body that was sent with the one that arrived.</summary>
internal static class Splice
{
    /// <summary>
    /// The text that was inserted into a body, if this was the only change; fails when a byte of the original is missing or moved.
    /// </summary>
    public static string Inserted(byte[] original, byte[] arrived)
    {
        var head = original.AsSpan().CommonPrefixLength(arrived);
        var tail = original.Length - head;
        Assert.True(
            arrived.Length >= original.Length && arrived.AsSpan()[^tail..].SequenceEqual(original.AsSpan()[head..]),
            $"More than an insertion: at byte {head} the bodies part, and their ends differ.\n{Excerpt(arrived, head)}");
        return Encoding.UTF8.GetString(arrived.AsSpan()[head..^tail]);
    }

    /// <summary>The same for text.</summary>
    public static string Inserted(string original, byte[] arrived) => Inserted(Encoding.UTF8.GetBytes(original), arrived);

    private static string Excerpt(byte[] bytes, int at)
    {
        var from = Math.Max(0, at - 40);
        return Encoding.UTF8.GetString(bytes.AsSpan()[from..Math.Min(bytes.Length, at + 80)]);
    }
}
