using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A file system of a few hundred kilobytes, which can be filled. Skips the test where none can be mounted.</summary>
internal sealed class SmallDisk : IDisposable
{
    private const string Filler = "filler";

    private readonly TempFolder _folder = new();

    /// <param name="size">Its size in bytes.</param>
    public SmallDisk(int size)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A small file system is mounted with Linux's tmpfs.");
        var options = string.Create(CultureInfo.InvariantCulture, $"size={size},mode=700");
        if (Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", _folder.Path) != 0)
        {
            _folder.Dispose();
            Assert.Skip("This user may not mount a file system.");
        }
    }

    /// <summary>The path of a file on the disk.</summary>
    public string File(string name) => _folder.File(name);

    /// <summary>Fills the disk, but for a number of bytes.</summary>
    public void Fill(int leave)
    {
        using var filler = new FileStream(File(Filler), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        while (new DriveInfo(_folder.Path).AvailableFreeSpace - leave is > 0 and var rest)
        {
            try
            {
                filler.Write(new byte[rest]);
            }
            catch (IOException)
            {
                // The owner of the other files has taken some of it meanwhile.
            }
        }
    }

    /// <summary>Frees the space that <see cref="Fill"/> took.</summary>
    public void Free() => System.IO.File.Delete(File(Filler));

    public void Dispose()
    {
        Run("umount", "--lazy", _folder.Path);
        _folder.Dispose();
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
