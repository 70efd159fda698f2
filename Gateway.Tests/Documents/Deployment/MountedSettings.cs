using System.Text.RegularExpressions;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using k8s.Models;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>
/// The folders of a pod's container below a temporary one, as the kubelet keeps them: its ConfigMaps, and the secrets that README.md of
/// deploy/kubernetes creates.
/// </summary>
internal sealed partial class MountedSettings : IDisposable
{
    private const string Root = "root";

    private MountedSettings()
    {
    }

    /// <summary>The working directory; settings load from it.</summary>
    public SettingsFolder Folder { get; } = new();

    /// <summary>The names of the secrets.</summary>
    public IReadOnlyCollection<string> Secrets { get; private set; } = [];

    public static async Task<MountedSettings> MountAsync(Manifests manifests)
    {
        var mounted = new MountedSettings();
        try
        {
            await mounted.MountAllAsync(manifests);
            return mounted;
        }
        catch
        {
            mounted.Dispose();
            throw;
        }
    }

    public void Dispose() => Folder.Dispose();

    private async Task MountAllAsync(Manifests manifests)
    {
        foreach (var volume in manifests.Pod.Spec.Volumes.Where(volume => volume.ConfigMap is not null))
        {
            await MountAsync(
                manifests.MountOf(other => other == volume),
                manifests.Named<V1ConfigMap>(volume.ConfigMap.Name).Data
                    .Select(file => (file.Key, Absolute().Replace(file.Value, $"${{start}}{Folder.Path}/{Root}/"))));
        }

        var secret = manifests.Pod.Spec.Volumes.Single(volume => volume.Secret is not null);
        var readme = File.ReadAllText(Path.Combine(Manifests.Folder, "README.md"));
        Secrets = readme.Contains($"generic {secret.Secret.SecretName} ", StringComparison.Ordinal)
            ? [.. FromFile().Matches(readme).Select(match => match.Groups["name"].Value)]
            : [];
        await MountAsync(manifests.MountOf(other => other == secret), Secrets.Select(name => (name, name switch
        {
            "ledger-connection" => "Host=db.example;Database=gateway",
            "redis-configuration" => "redis.example:6379",
            _ => "a-secret-named-" + name,
        })));
        Folder.Variables["GATEWAY_CONFIG"] = $"{Folder.Path}/{Root}/etc/gateway/appsettings.json";
    }

    private async Task MountAsync(V1VolumeMount mount, IEnumerable<(string Name, string Text)> files) =>
        await KubernetesVolume.CreateAsync($"{Folder.Path}/{Root}{mount.MountPath}", [.. files]);

    // References to files and folders of the pod.
    [GeneratedRegex("(?<start>\"(file:)?)/(?=(run|etc)/)", RegexOptions.ExplicitCapture)]
    private static partial Regex Absolute();

    [GeneratedRegex("--from-file=(?<name>[a-z-]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex FromFile();
}
