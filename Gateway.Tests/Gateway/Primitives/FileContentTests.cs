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
    public async Task Read_OfAPipe_IsItsContent()
    {
        using var folder = new TempFolder();
        var path = await NamedPipe.CreateAsync(folder.File("pipe"));
        var text = new string('x', 100_000);
        var write = NamedPipe.WriteAsync(path, text);

        var content = FileContent.Read(path);

        Assert.True(content.IsSpecial);
        Assert.Equal(text, System.Text.Encoding.UTF8.GetString(content.Bytes!));
        await write.GuardAsync();
        await HangGuard.RunAsync(() => Assert.Equal(FileContent.SpecialFault, FileContent.ReadRegular(path).Fault));
    }

    [Fact]
    public void Read_OfADeviceWithoutAnEnd_Ends()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux tells a device from a file.");

        Assert.Equal("is larger than 1000 bytes", FileContent.Read("/dev/zero", 1000).Fault);
        Assert.StartsWith("is larger than ", FileContent.Read("/dev/zero").Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TakesLittleMoreMemoryThanTheFileHas()
    {
        // It happens several times a second for as long as the gateway runs.
        const int Length = 200_000;
        using var folder = new TempFolder();
        var file = folder.Write("file", new string('x', Length));

        Assert.InRange(Allocations.Least(() => FileContent.Read(file)), Length, Length + 30_000);
    }
}
