using System.Diagnostics;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A pipe with a name in the file system: its open waits for the other side.</summary>
internal static class NamedPipe
{
    /// <summary>Creates a pipe.</summary>
    /// <returns>The path.</returns>
    public static async Task<string> CreateAsync(string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux tells a pipe from a file.");
        using var mkfifo = Process.Start("mkfifo", [path]);
        await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, mkfifo.ExitCode);
        return path;
    }

    /// <summary>Writes to a pipe once a process reads it.</summary>
    public static Task WriteAsync(string path, string text) => Task.Run(async () =>
    {
        await using var pipe = new StreamWriter(new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite));
        await pipe.WriteAsync(text);
    });

    /// <summary>Puts a pipe without a writer in the place of a file, as a whole.</summary>
    public static async Task ReplaceAsync(string path) => File.Move(await CreateAsync(path + ".pipe"), path, overwrite: true);
}
