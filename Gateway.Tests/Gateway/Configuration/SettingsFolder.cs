using Xunit;
using Gateway.CommandLine;
using Gateway.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>A working directory of its own, with what a test needs to load settings from it.</summary>
internal sealed class SettingsFolder : IDisposable
{
    /// <summary>The least that loads.</summary>
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

    public SettingsLoader Loader { get; } = new(new ReverseProxyDryRun(
        proxy =>
        {
            proxy.Services.AddSingleton<ITransformFactory>(new NamedTransform("ProviderMapping"));
            proxy.Services.AddSingleton<ITransformFactory>(new NamedTransform("BaseAddress"));
        }));

    public static string Json(string sections = "") => $"{{ {Proxy}{(sections.Length == 0 ? "" : ", " + sections)} }}";

    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public SettingsSources Sources() => SettingsSources.Resolve(CommandLineReader.Read(Args).Arguments, Variables, Path, ProgramDirectory);

    public async Task<SettingsLoadResult> LoadAsync() => await Loader.LoadAsync(Sources());

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

    /// <summary>Stands in for transforms that are registered by the pipeline.</summary>
    private sealed class NamedTransform(string name) : ITransformFactory
    {
        public bool Validate(TransformRouteValidationContext context, IReadOnlyDictionary<string, string> transformValues)
        {
            if (!transformValues.TryGetValue(name, out var value))
            {
                return false;
            }

            if (value is not ("Default" or "WithoutVersion"))
            {
                context.Errors.Add(new ArgumentException($"{name} knows no \"{value}\""));
            }

            return true;
        }

        public bool Build(TransformBuilderContext context, IReadOnlyDictionary<string, string> transformValues) => transformValues.ContainsKey(name);
    }
}
