using Gateway.Primitives;

namespace Gateway.Tests.Support;

/// <summary>The file system, with its reads counted.</summary>
internal sealed class CountingFileReader : IFileReader
{
    /// <summary>How often the content of a file was read.</summary>
    public int Reads { get; private set; }

    /// <summary>Replaces every stamp: a file system whose clock stands still.</summary>
    public FileStamp? Frozen { get; set; }

    public FileStamp? StampOf(string path) => Frozen ?? FileStamp.Of(path);

    public FileContent Read(string path, int maxBytes)
    {
        Reads++;
        return FileContent.ReadRegular(path, maxBytes);
    }
}
