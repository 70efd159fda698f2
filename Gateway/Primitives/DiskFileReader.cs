namespace Gateway.Primitives;

/// <summary>Reads from the file system.</summary>
internal sealed class DiskFileReader : IFileReader
{
    public static DiskFileReader Instance { get; } = new();

    public FileStamp? StampOf(string path) => FileStamp.Of(path);

    public FileContent Read(string path, int maxBytes) => FileContent.ReadRegular(path, maxBytes);
}
