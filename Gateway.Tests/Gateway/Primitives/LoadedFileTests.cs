using Gateway.Primitives;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class LoadedFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("loaded-");
    private readonly CountingFileReader _reader = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(FileChange.All), MemberType = typeof(FileChange))]
    public async Task Change_StaysUntilTheSettingsAreLoadedAgain(string change)
    {
        var path = FileChange.Create(_folder.FullName, "one");
        var file = Load(path);
        Settle();
        Assert.False(file.HasChanged());

        await FileChange.ApplyAsync(change, _folder.FullName, "two");
        Assert.True(file.HasChanged());
        Settle();
        Assert.True(file.HasChanged());

        await FileChange.ApplyAsync("in place", _folder.FullName, "one");
        Assert.False(file.HasChanged());

        void Settle()
        {
            file.HasChanged();
            _time.Advance(FileChangeDetector.Settling);
            file.HasChanged();
        }
    }

    [Fact]
    public void IdleFile_IsNotRead()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Stamps are read with Linux's statx.");
        var file = Load(FileChange.Create(_folder.FullName, "one"));
        file.HasChanged();
        _time.Advance(FileChangeDetector.Settling);
        file.HasChanged();
        var before = _reader.Reads;

        for (var i = 0; i < 100; i++)
        {
            Assert.False(file.HasChanged());
        }

        Assert.Equal(before, _reader.Reads);
    }

    private LoadedFile Load(string path) => new(path, FileContent.Read(path).Hash, 1024, _reader, _time);
}
