using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>Promise: every file of deploy/kubernetes parses strictly and is named by a kustomization, and every named file exists.</summary>
public sealed class ManifestFileTests
{
    private const string KustomizationName = "kustomization.yaml";

    public static TheoryData<string> ManifestNames => [.. Files("*.yaml").Where(name => Path.GetFileName(name) != KustomizationName)];

    public static TheoryData<string> Kustomizations => [.. Files(KustomizationName).Select(name => Path.GetDirectoryName(name)!)];

    [Theory]
    [MemberData(nameof(ManifestNames))]
    public void Manifest_ParsesStrictly(string name)
    {
        var text = File.ReadAllText(Path.Combine(Manifests.Folder, name));

        // A directive of a strategic merge patch is no member of the type.
        Assert.NotEmpty(Manifests.Read(text.Replace("          $patch: delete\n", "", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("spec: { replicaCount: 1 }")]
    [InlineData("spec: { replicas: many }")]
    [InlineData("speck: { }")]
    public void MemberThatTheTypeLacks_IsAnError(string member) => Assert.ThrowsAny<Exception>(
        () => Manifests.Read($"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: x }}\n{member}\n"));

    [Fact]
    public void EveryFile_IsNamedByItsKustomization()
    {
        var named = Kustomizations.SelectMany(row => Named(row.Data)).ToHashSet(StringComparer.Ordinal);

        Assert.Equal(
            Files("*").Where(name => name != "README.md" && Path.GetFileName(name) != KustomizationName).Order(StringComparer.Ordinal),
            named.Where(name => !Directory.Exists(Path.Combine(Manifests.Folder, name))).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Kustomizations))]
    public void Kustomization_KeepsTheNamesOfItsConfigMaps(string folder)
    {
        var kustomization = Manifests.ReadKustomization(Path.Combine(Manifests.Folder, folder));

        Assert.Equal(folder == Manifests.Component ? "Component" : "Kustomization", kustomization.Kind);
        Assert.Equal(folder != Manifests.Component, kustomization.GeneratorOptions.DisableNameSuffixHash);
        Assert.All(Named(folder), name => Assert.True(Path.Exists(Path.Combine(Manifests.Folder, name)), name));
    }

    [Fact]
    public void BaseSettings_AreTheShippedOnes() => Assert.Equal(
        File.ReadAllText(Path.Combine(Repository.Root, "appsettings.json")),
        File.ReadAllText(Path.Combine(Manifests.Folder, "base", "settings", "appsettings.json")));

    private static IEnumerable<string> Named(string folder) =>
        Manifests.ReadKustomization(Path.Combine(Manifests.Folder, folder)).Files
            .Select(name => Path.GetRelativePath(Manifests.Folder, Path.GetFullPath(name, Path.Combine(Manifests.Folder, folder))));

    private static IEnumerable<string> Files(string pattern) => Directory.EnumerateFiles(Manifests.Folder, pattern, SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Manifests.Folder, path));
}
