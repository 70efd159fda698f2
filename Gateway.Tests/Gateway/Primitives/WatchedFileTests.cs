using Gateway.Primitives;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

/// <summary>Promise: an idle file is not read, and every change of its content is seen.</summary>
public sealed class WatchedFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("watched-");
    private readonly CountingFileReader _reader = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _folder.Delete(recursive: true);

    private WatchedFile Watch(string path) => new(path, _reader, _time);

    /// <summary>Looks until the stamp is trusted.</summary>
    private void Settle(WatchedFile file)
    {
        Assert.False(file.HasChanged());
        _time.Advance(FileChangeDetector.Settling);
        Assert.False(file.HasChanged());
    }

    private bool HasChangedWithoutReading(WatchedFile file)
    {
        var before = _reader.Reads;
        var hasChanged = file.HasChanged();
        Assert.Equal(before, _reader.Reads);
        return hasChanged;
    }

    [Fact]
    public void IdleFile_IsNotRead()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Stamps are read with Linux's statx.");
        var file = Watch(FileChange.Create(_folder.FullName, "one"));
        Settle(file);

        for (var i = 0; i < 100; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(150));
            Assert.False(HasChangedWithoutReading(file));
        }
    }

    [Theory]
    [MemberData(nameof(FileChange.All), MemberType = typeof(FileChange))]
    public async Task ChangeOfTheSameSize_IsSeenOnce(string change)
    {
        var file = Watch(FileChange.Create(_folder.FullName, "one"));
        Settle(file);

        await FileChange.ApplyAsync(change, _folder.FullName, "two");

        Assert.True(file.HasChanged());
        Settle(file);
    }

    [Fact]
    public void DeletionAndReturn_AreSeen()
    {
        var path = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(path, "one");
        var file = Watch(path);
        Settle(file);

        File.Delete(path);
        Assert.True(file.HasChanged());
        Settle(file);

        File.WriteAllText(path, "one");
        Assert.True(file.HasChanged());
        Settle(file);
    }

    [Fact]
    public void TouchedFile_IsReadUntilItSettlesAndIsNoChange()
    {
        var path = FileChange.Create(_folder.FullName, "one");
        var file = Watch(path);
        Settle(file);
        var before = _reader.Reads;

        File.SetLastWriteTimeUtc(Path.Combine(_folder.FullName, "v1", "file"), DateTime.UnixEpoch);
        Settle(file);

        Assert.Equal(before + 2, _reader.Reads);
        if (OperatingSystem.IsLinux())
        {
            Assert.False(HasChangedWithoutReading(file));
        }
    }

    [Fact]
    public void SecondWriteThatLeavesTheStamp_IsSeen()
    {
        // Two writes of the same size within one tick of the file system's clock.
        var path = FileChange.Create(_folder.FullName, "one");
        _reader.Frozen = new FileStamp(1, 2, 3, 4, 5);
        var file = Watch(path);
        Assert.False(file.HasChanged());

        File.WriteAllText(path, "two");
        Assert.True(file.HasChanged());

        // The last read comes when the clock has gone on.
        _time.Advance(FileChangeDetector.Settling);
        File.WriteAllText(path, "six");
        Assert.True(file.HasChanged());
        Assert.False(HasChangedWithoutReading(file));
    }

    [Fact]
    public void UnreadableFile_IsReadAtEachLook()
    {
        // The permissions of a folder on the way do not show in the file's stamp.
        var path = Path.Combine(_folder.FullName, "file");
        Directory.CreateDirectory(path);
        _reader.Frozen = new FileStamp(1, 2, 3, 4, 5);
        var file = Watch(path);
        Settle(file);
        Settle(file);

        Directory.Delete(path);
        File.WriteAllText(path, "one");
        Assert.True(file.HasChanged());
    }
}
