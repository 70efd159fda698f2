using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class FileStampTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stamp-");

    public FileStampTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "Stamps are read with Linux's statx.");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Stamp_HoldsSizeAndTimeOfTheFileBehindTheLinks()
    {
        var path = FileChange.Create(_folder.FullName, "twelve bytes");
        var moment = new DateTime(2020, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(Path.Combine(_folder.FullName, "v1", "file"), moment);

        var stamp = FileStamp.Of(path)!.Value;

        Assert.Equal(12UL, stamp.Size);
        Assert.Equal((Int128)new DateTimeOffset(moment).ToUnixTimeSeconds() * 1_000_000_000, stamp.Modified);
        Assert.True(stamp.Changed > stamp.Modified);
        Assert.Equal(FileStamp.Of(Path.Combine(_folder.FullName, "v1", "file")), stamp);
    }

    [Fact]
    public void OtherFileOfTheSameSize_HasAnotherInode()
    {
        var (one, two) = (Path.Combine(_folder.FullName, "one"), Path.Combine(_folder.FullName, "two"));
        File.WriteAllText(one, "x");
        File.WriteAllText(two, "y");

        Assert.Equal(FileStamp.Of(one)!.Value.Device, FileStamp.Of(two)!.Value.Device);
        Assert.NotEqual(FileStamp.Of(one)!.Value.Inode, FileStamp.Of(two)!.Value.Inode);
    }

    [Fact]
    public void MissingFile_HasTheStampOfNone()
    {
        Assert.Equal(FileStamp.Missing, FileStamp.Of(Path.Combine(_folder.FullName, "none")));
        File.WriteAllText(Path.Combine(_folder.FullName, "file"), "x");
        Assert.Equal(FileStamp.Missing, FileStamp.Of(Path.Combine(_folder.FullName, "file", "below")));
    }

    [Fact]
    public async Task PipeAndDevice_AreSpecial()
    {
        var pipe = await NamedPipe.CreateAsync(Path.Combine(_folder.FullName, "pipe"));
        var (link, file) = (Path.Combine(_folder.FullName, "link"), Path.Combine(_folder.FullName, "file"));
        File.CreateSymbolicLink(link, "pipe");
        File.WriteAllText(file, "");

        Assert.All([pipe, link, "/dev/null"], path => Assert.True(FileStamp.IsSpecial(path)));
        Assert.All([file, _folder.FullName, Path.Combine(_folder.FullName, "none")], path => Assert.False(FileStamp.IsSpecial(path)));
    }

    [Fact]
    public void FolderEmptyFileDeviceAndProc_HaveNoStamp()
    {
        var empty = Path.Combine(_folder.FullName, "empty");
        File.WriteAllText(empty, "");

        Assert.All([_folder.FullName, empty, "/dev/null", "/proc/self/status"], path => Assert.Null(FileStamp.Of(path)));
    }
}
