namespace Gateway.Primitives;

/// <summary>Reads stamps and contents of files. Tests replace it to count the reads.</summary>
internal interface IFileReader
{
    /// <inheritdoc cref="FileStamp.Of" />
    FileStamp? StampOf(string path);

    /// <inheritdoc cref="FileContent.ReadRegular" />
    FileContent Read(string path, int maxBytes);
}
