using System.Text.RegularExpressions;
using Gateway.Tests.Gateway.Configuration;
using k8s.Models;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>
/// The folders of a pod's container below a temporary one: its ConfigMaps, and the secrets that README.md of deploy/kubernetes creates.
/// </summary>
internal sealed partial class MountedSettings : IDisposable
{
    private const string Root = "root";

    public MountedSettings(Manifests manifests)
    {
        foreach (var volume in manifests.Pod.Spec.Volumes.Where(volume => volume.ConfigMap is not null))
        {
            var mount = manifests.MountOf(other => other == volume).MountPath;
            foreach (var (name, text) in manifests.Named<V1ConfigMap>(volume.ConfigMap.Name).Data)
            {
                Write(mount, name, Absolute().Replace(text, $"${{start}}{Folder.Path}/{Root}/"));
            }
        }

        var secret = manifests.Pod.Spec.Volumes.Single(volume => volume.Secret is not null);
        var readme = File.ReadAllText(Path.Combine(Manifests.Folder, "README.md"));
        Secrets = readme.Contains($"generic {secret.Secret.SecretName} ", StringComparison.Ordinal)
            ? [.. FromFile().Matches(readme).Select(match => match.Groups["name"].Value)]
            : [];
        foreach (var name in Secrets)
        {
            Write(manifests.MountOf(other => other == secret).MountPath, name, name switch
            {
                "ledger-connection" => "Host=db.example;Database=gateway",
                "redis-configuration" => "redis.example:6379",
                _ => "a-secret-named-" + name,
            });
        }

        Folder.Variables["GATEWAY_CONFIG"] = $"{Folder.Path}/{Root}/etc/gateway/appsettings.json";
    }

    /// <summary>The working directory; settings load from it.</summary>
    public SettingsFolder Folder { get; } = new();

    /// <summary>The names of the secrets.</summary>
    public IReadOnlyCollection<string> Secrets { get; }

    public void Dispose() => Folder.Dispose();

    private void Write(string mount, string name, string text) => Folder.Write($"{Root}{mount}/{name}", text);

    // References to files and folders of the pod.
    [GeneratedRegex("(?<start>\"(file:)?)/(?=(run|etc)/)", RegexOptions.ExplicitCapture)]
    private static partial Regex Absolute();

    [GeneratedRegex("--from-file=(?<name>[a-z-]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex FromFile();
}
