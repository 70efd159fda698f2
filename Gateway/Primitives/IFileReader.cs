namespace Gateway.Primitives;

/// <summary>Examines and reads files. Tests count the reads.</summary>
internal interface IFileReader
{
    /// <inheritdoc cref="FileStamp.Of" />
    FileStamp? StampOf(string path);

    /// <inheritdoc cref="FileContent.Read" />
    FileContent Read(string path, int maxBytes);
}
