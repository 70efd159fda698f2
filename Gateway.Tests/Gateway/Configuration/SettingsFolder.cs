using System.Text;
using Gateway.CommandLine;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using OpenRouterGateway.Transforms;
using Xunit;
using Yarp.ReverseProxy.Model;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>A working directory of its own, with the members that a test needs to load settings from it.</summary>
internal sealed class SettingsFolder : IDisposable
{
    /// <summary>The smallest section that loads.</summary>
    public const string Proxy = """
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "openrouter", "Match": { "Path": "/{**rest}" } } },
          "Clusters": { "openrouter": { "Destinations": { "a": { "Address": "https://one.example/v1" } } } }
        }
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("settings-");

    public string Path => _folder.FullName;

    public string ProgramDirectory => System.IO.Path.Combine(Path, "program");

    public Dictionary<string, string> Variables { get; } = [];

    public string[] Args { get; set; } = [];

    /// <summary>A loader that knows the program's own transforms, as <c>check</c> has it.</summary>
    public SettingsLoader Loader { get; } = new(new ReverseProxyDryRun(
        proxy => global::Gateway.Hosting.GatewayHost.AddTransforms(proxy),
        services => new ReverseProxyApplicationBuilder(new ApplicationBuilder(services)).UseProviderMapping()));

    public static string Json(string sections = "") => $"{{ {Proxy}{(sections.Length == 0 ? "" : ", " + sections)} }}";

    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public SettingsSources Sources() => SettingsSources.Resolve(CommandLineReader.Read(Args).Arguments, Variables, Path, ProgramDirectory);

    /// <summary>Whether a file spells keys or words in another case than the documents, which the JSON Schema does not accept.</summary>
    public bool HasOtherSpelling { get; set; }

    /// <summary>Loads the settings. Files that the gateway accepts must be valid by the JSON Schema, too.</summary>
    public async Task<SettingsLoadResult> LoadAsync()
    {
        var result = await Loader.LoadAsync(Sources());
        if (result.Snapshot is { TeamFaults.Count: 0 } snapshot && !HasOtherSpelling)
        {
            var files = SettingsFiles.Read(Sources());
            foreach (var file in (IEnumerable<FileContent>)[files.Main, files.Overlay, .. snapshot.TeamFolder?.Files ?? []])
            {
                Assert.Empty(file.Bytes is { } bytes ? JsonSchemaFile.Faults(Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF')) : []);
            }
        }

        return result;
    }

    public async Task<SettingsSnapshot> LoadGoodAsync()
    {
        var result = await LoadAsync();
        Assert.Empty(result.Faults);
        return result.Snapshot!;
    }

    /// <summary>Loads settings that are expected to be refused, and gives the faults as printed.</summary>
    public async Task<string[]> LoadBadAsync()
    {
        var result = await LoadAsync();
        Assert.Null(result.Snapshot);
        Assert.NotEmpty(result.Faults);
        return [.. result.Faults.Select(fault => fault.ToString())];
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
