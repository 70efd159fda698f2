using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class FileContentTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(16 * 1024)]
    [InlineData(200_001)]
    public void Read_IsTheWholeFile(int length)
    {
        using var folder = new TempFolder();
        var text = new string('x', length - Math.Min(length, 1)) + (length > 0 ? "y" : "");

        Assert.Equal(System.Text.Encoding.UTF8.GetBytes(text), FileContent.Read(folder.Write("file", text)).Bytes);
    }

    [Fact]
    public void Read_TakesLittleMoreMemoryThanTheFileHas()
    {
        // It happens several times a second for as long as the gateway runs.
        const int Length = 200_000;
        using var folder = new TempFolder();
        var file = folder.Write("file", new string('x', Length));
        FileContent.Read(file);

        var before = GC.GetAllocatedBytesForCurrentThread();
        FileContent.Read(file);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, Length, Length + 30_000);
    }
}
