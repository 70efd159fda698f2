using Gateway.Tests.Support;
using k8s;
using k8s.Models;
using Xunit;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>The objects of an overlay of deploy/kubernetes as <c>kubectl apply -k</c> sends them, read by the types of the API.</summary>
internal sealed class Manifests
{
    public const string Component = "service-monitor";

    private static readonly IDeserializer Strict = new DeserializerBuilder()
        .WithNamingConvention(CamelCaseNamingConvention.Instance)
        .WithDuplicateKeyChecking()
        .Build();

    private readonly IReadOnlyList<object> _objects;

    private Manifests(IReadOnlyList<object> objects) => _objects = objects;

    public static string Folder { get; } = Path.Combine(Repository.Root, "deploy", "kubernetes");

    /// <summary>The overlays.</summary>
    public static string[] Overlays { get; } = ["one-node", "many-nodes"];

    /// <summary>The pods of all objects that create some.</summary>
    public V1PodTemplateSpec Pod => Find<V1StatefulSet>() is [var set] ? set.Spec.Template : Single<V1Deployment>().Spec.Template;

    /// <summary>The only container of the pods.</summary>
    public V1Container Container => Pod.Spec.Containers.Single();

    /// <summary>Reads objects. A member that a type does not have is an error.</summary>
    public static IReadOnlyList<object> Read(string text) => KubernetesYaml.LoadAllFromString(
        text, new Dictionary<string, Type> { ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(ServiceMonitor) }, strict: true);

    public static Kustomization ReadKustomization(string folder) =>
        Strict.Deserialize<Kustomization>(File.ReadAllText(Path.Combine(folder, "kustomization.yaml")));

    /// <summary>Renders a folder with kubectl. Skips the test where it is not installed, or has no kustomize that knows components.</summary>
    public static async Task<Manifests> RenderAsync(string folder)
    {
        const string Reason = "kubectl 1.27 or later is not installed.";
        Assert.SkipUnless(Programs.Find("kubectl") is not null, Reason);
        var version = await CommandRun.RunAsync("kubectl", ["version", "--client"]);
        Assert.SkipUnless(version.Out.Contains("Kustomize Version: v5", StringComparison.Ordinal), Reason);
        var run = await CommandRun.RunAsync("kubectl", ["kustomize", folder]);
        Assert.True(run.ExitCode == 0, run.Error);
        return new Manifests(Read(run.Out));
    }

    /// <summary>The objects of a kind.</summary>
    public IReadOnlyList<T> Find<T>() => [.. _objects.OfType<T>()];

    /// <summary>The only object of a kind.</summary>
    public T Single<T>() => Find<T>().Single();

    /// <summary>The only object of a kind with this name.</summary>
    public T Named<T>(string name)
        where T : IKubernetesObject<V1ObjectMeta> => Find<T>().Single(item => item.Metadata.Name == name);

    /// <summary>The folder at which the container has a volume.</summary>
    public V1VolumeMount MountOf(Func<V1Volume, bool> condition)
    {
        var volume = Pod.Spec.Volumes.Single(condition);
        return Container.VolumeMounts.Single(mount => mount.Name == volume.Name);
    }

    /// <summary>All objects.</summary>
    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> All => [.. _objects.Cast<IKubernetesObject<V1ObjectMeta>>()];
}
