namespace Gateway.Tests.Documents.Deployment;

/// <summary>The members of a <c>kustomization.yaml</c> that deploy/kubernetes uses. YamlDotNet rejects all others.</summary>
internal sealed class Kustomization
{
    public string ApiVersion { get; init; } = "";

    public string Kind { get; init; } = "";

    public string Namespace { get; init; } = "";

    public List<string> Resources { get; init; } = [];

    public List<string> Components { get; init; } = [];

    public List<Image> Images { get; init; } = [];

    public List<Generator> ConfigMapGenerator { get; init; } = [];

    public Options GeneratorOptions { get; init; } = new();

    public List<Patch> Patches { get; init; } = [];

    /// <summary>The files that it names, relative to its folder.</summary>
    public IEnumerable<string> Files => Resources.Concat(Components).Concat(ConfigMapGenerator.SelectMany(map => map.Files)).Concat(Patches.Select(patch => patch.Path));

    internal sealed class Image
    {
        public string Name { get; init; } = "";

        public string NewName { get; init; } = "";

        public string NewTag { get; init; } = "";
    }

    internal sealed class Generator
    {
        public string Name { get; init; } = "";

        public string Behavior { get; init; } = "";

        public List<string> Files { get; init; } = [];
    }

    internal sealed class Options
    {
        public bool DisableNameSuffixHash { get; init; }
    }

    internal sealed class Patch
    {
        public string Path { get; init; } = "";

        public PatchTarget Target { get; init; } = new();

        public PatchOptions Options { get; init; } = new();
    }

    internal sealed class PatchTarget
    {
        public string Kind { get; init; } = "";

        public string Name { get; init; } = "";
    }

    internal sealed class PatchOptions
    {
        public bool AllowKindChange { get; init; }
    }
}
