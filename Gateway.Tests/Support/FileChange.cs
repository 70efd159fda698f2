using System.Diagnostics;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The ways in which the content of a file is replaced.</summary>
public static class FileChange
{
    public static TheoryData<string> All => ["in place", "in place, times set back", "rename over", "link swap", "folder swap", "delete and create"];

    /// <summary>Lays a file out so that every change is possible: as a ConfigMap is mounted, a link through a link to a folder.</summary>
    public static string Create(string folder, string text)
    {
        Directory.CreateDirectory(Path.Combine(folder, "v1"));
        File.WriteAllText(Path.Combine(folder, "v1", "file"), text);
        Directory.CreateSymbolicLink(Path.Combine(folder, "data"), "v1");
        var path = Path.Combine(folder, "file");
        File.CreateSymbolicLink(path, "data/file");
        return path;
    }

    /// <summary>Replaces the content by text of any length.</summary>
    public static async Task ApplyAsync(string change, string folder, string text)
    {
        var path = Path.Combine(folder, "file");
        var target = Path.Combine(folder, "data", "file");
        var before = FileStamp.Of(path);
        switch (change)
        {
            case "in place":
                ApplyInAnotherTick(() => File.WriteAllText(path, text));
                break;
            case "in place, times set back":
                var written = File.GetLastWriteTimeUtc(target);
                ApplyInAnotherTick(() =>
                {
                    File.WriteAllText(path, text);
                    File.SetLastWriteTimeUtc(target, written);
                });
                break;
            case "rename over":
                File.WriteAllText(path + ".tmp", text);
                File.Move(path + ".tmp", path, overwrite: true);
                break;
            case "link swap":
                File.WriteAllText(Path.Combine(folder, "other"), text);
                File.CreateSymbolicLink(path + ".tmp", "other");
                File.Move(path + ".tmp", path, overwrite: true);
                break;
            case "folder swap":
                Directory.CreateDirectory(Path.Combine(folder, "v2"));
                File.WriteAllText(Path.Combine(folder, "v2", "file"), text);
                Directory.CreateSymbolicLink(Path.Combine(folder, "next"), "v2");

                // .NET does not move a link to a folder over another one.
                using (var move = Process.Start("mv", ["-T", Path.Combine(folder, "next"), Path.Combine(folder, "data")]))
                {
                    await move.WaitForExitAsync();
                    Assert.Equal(0, move.ExitCode);
                }

                break;
            case "delete and create":
                ApplyInAnotherTick(() =>
                {
                    File.Delete(path);
                    File.WriteAllText(path, text);
                });
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(change), change, null);
        }

        // The file system's clock may stand still for milliseconds, and the tests change files that are older for their clocks.
        void ApplyInAnotherTick(Action apply)
        {
            do
            {
                apply();
            }
            while (before is not null && FileStamp.Of(path) == before);
        }
    }
}
