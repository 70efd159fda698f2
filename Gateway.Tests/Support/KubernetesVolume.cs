using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>
/// A folder as the kubelet keeps it for a ConfigMap or a Secret: each file is a link into <c>..data</c>, which is a link to the folder of a
/// version. An update swaps <c>..data</c> by one rename.
/// </summary>
internal sealed class KubernetesVolume
{
    private const string Data = "..data";

    private readonly string _path;
    private int _version;

    private KubernetesVolume(string path) => _path = path;

    /// <summary>Creates the folder.</summary>
    public static async Task<KubernetesVolume> CreateAsync(string path, params (string Name, string Text)[] files)
    {
        Directory.CreateDirectory(path);
        var volume = new KubernetesVolume(path);
        await volume.UpdateAsync(files);
        return volume;
    }

    /// <summary>The path of a file.</summary>
    public string File(string name) => Path.Combine(_path, name);

    /// <summary>Replaces all files, in the steps of the kubelet.</summary>
    public async Task UpdateAsync(params (string Name, string Text)[] files)
    {
        var version = string.Create(CultureInfo.InvariantCulture, $"..v{++_version}");
        Directory.CreateDirectory(File(version));
        foreach (var (name, text) in files)
        {
            await System.IO.File.WriteAllTextAsync(File(Path.Combine(version, name)), text, TestContext.Current.CancellationToken);
        }

        // The library moves no link to a folder over another one.
        Directory.CreateSymbolicLink(File("..data_tmp"), version);
        using (var move = Process.Start("mv", ["-T", File("..data_tmp"), File(Data)]))
        {
            await move.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, move.ExitCode);
        }

        var links = Directory.EnumerateFileSystemEntries(_path).Select(entry => Path.GetFileName(entry)).Where(name => name[0] != '.').ToHashSet();
        foreach (var (name, _) in files.Where(file => !links.Contains(file.Name)))
        {
            System.IO.File.CreateSymbolicLink(File(name), Path.Combine(Data, name));
        }

        foreach (var stale in links.Where(link => files.All(file => file.Name != link)))
        {
            System.IO.File.Delete(File(stale));
        }
    }
}
