using Gateway.Primitives;

namespace Gateway.Configuration.Reading;

/// <summary>The files of <c>TeamsFolder</c> at one moment.</summary>
/// <param name="Path">The absolute path of the folder.</param>
/// <param name="Files">The content of its files, in the order of their names.</param>
/// <param name="Fault">Why the folder cannot be read; <see langword="null"/> if it was read.</param>
internal sealed record TeamFolder(string Path, IReadOnlyList<FileContent> Files, string? Fault)
{
    /// <summary>The maximum size of a file in bytes.</summary>
    public const int MaxBytes = 1024 * 1024;

    private const string Pattern = "*.json";

    /// <summary>Reads the folder.</summary>
    /// <param name="path">The absolute path of the folder.</param>
    public static TeamFolder Read(string path)
    {
        try
        {
            return new TeamFolder(path, [.. List(path).Select(static file => FileContent.ReadRegular(file, MaxBytes))], null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return new TeamFolder(
                path, [], Directory.Exists(path) ? $"{path} cannot be read: {fault.Message.TrimEnd('.')}" : $"{path} is not a folder");
        }
    }

    /// <summary>
    /// The paths of the files, in the order of their names. Files whose name begins with a dot are none: Kubernetes keeps the versions of a
    /// ConfigMap under such names, and editors their copies. A folder in the place of a file is listed: Docker creates one for a bind mount
    /// whose source is missing.
    /// </summary>
    public static IReadOnlyList<string> List(string path) =>
    [
        .. Directory.EnumerateFileSystemEntries(path, Pattern)
            .Where(static file => !System.IO.Path.GetFileName(file).StartsWith('.'))
            .Order(StringComparer.Ordinal),
    ];
}
