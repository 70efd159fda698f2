using System.Globalization;
using Gateway.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// A journal file of a node, open. Its name is that of the database without <c>.db</c>, followed by <c>.journal-NODE-NUMBER</c>. A node's
/// files are read in the order of their numbers.
/// </summary>
internal sealed class JournalFile : IDisposable
{
    private const string DatabaseExtension = ".db";
    private const string Infix = ".journal-";

    private readonly FileStream _stream;

    private JournalFile(int number, FileStream stream)
    {
        Number = number;
        _stream = stream;

        // Once: the property asks the system for the position of the file each time.
        Handle = stream.SafeFileHandle;
    }

    /// <summary>The place of the file among those of its node.</summary>
    public int Number { get; }

    /// <summary>The path of the file.</summary>
    public string Path => _stream.Name;

    /// <summary>The handle, for reads and writes at positions.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Creates a file, readable by its owner only, and its folder unless it exists.</summary>
    public static JournalFile Create(string database, Guid node, int number)
    {
        PrivateFile.EnsureFolderOf(database);
        return new(number, PrivateFile.Open(PathOf(database, node, number), FileMode.CreateNew, FileShare.ReadWrite | FileShare.Delete));
    }

    /// <summary>Opens the files of a node, in order. Files that are removed meanwhile are left out.</summary>
    /// <exception cref="UnauthorizedAccessException">A file belongs to another user. None is open.</exception>
    public static IReadOnlyList<JournalFile> OpenAll(string database, Guid node)
    {
        var files = new List<JournalFile>();
        try
        {
            foreach (var (_, number) in List(database).Where(file => file.Node == node).OrderBy(static file => file.Number))
            {
                try
                {
                    files.Add(new JournalFile(
                        number,
                        new FileStream(
                            PathOf(database, node, number), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0)));
                }
                catch (FileNotFoundException)
                {
                    // Its node has removed it.
                }
            }

            return files;
        }
        catch
        {
            foreach (var file in files)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>The nodes that have files beside the database, alive or dead.</summary>
    public static IReadOnlySet<Guid> Nodes(string database) => List(database).Select(static file => file.Node).ToHashSet();

    /// <summary>The paths of all files beside the database.</summary>
    public static IEnumerable<string> Paths(string database) =>
        List(database).Select(file => PathOf(database, file.Node, file.Number));

    /// <summary>The path of a file of this database beside another one.</summary>
    public static string PathBeside(string path, string database, string other) => Prefix(other) + path[Prefix(database).Length..];

    /// <summary>Removes the file's name. A file that is open stays readable.</summary>
    public void Delete() => File.Delete(Path);

    public void Dispose() => _stream.Dispose();

    private static string Prefix(string database) =>
        (database.EndsWith(DatabaseExtension, StringComparison.Ordinal) ? database[..^DatabaseExtension.Length] : database) + Infix;

    private static string PathOf(string database, Guid node, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix(database)}{node:N}-{number}");

    private static IEnumerable<(Guid Node, int Number)> List(string database)
    {
        var prefix = System.IO.Path.GetFileName(Prefix(database));
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(database))!;
        foreach (var path in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, prefix + "*") : [])
        {
            var rest = System.IO.Path.GetFileName(path)[prefix.Length..].Split('-');
            if (rest.Length == 2
                && Guid.TryParseExact(rest[0], "N", out var node)
                && int.TryParse(rest[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                yield return (node, number);
            }
        }
    }
}
