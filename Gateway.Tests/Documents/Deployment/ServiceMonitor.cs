using k8s;
using k8s.Models;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>
/// The members of a ServiceMonitor of Prometheus Operator (monitoring.coreos.com/v1) that deploy/kubernetes uses. KubernetesClient has no type
/// for it.
/// </summary>
internal sealed class ServiceMonitor : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public Specification Spec { get; init; } = new();

    internal sealed class Specification
    {
        public V1LabelSelector Selector { get; init; } = new();

        public List<Endpoint> Endpoints { get; init; } = [];
    }

    internal sealed class Endpoint
    {
        public string Port { get; init; } = "";

        public string Path { get; init; } = "";

        public Authorization Authorization { get; init; } = new();
    }

    internal sealed class Authorization
    {
        public V1SecretKeySelector Credentials { get; init; } = new();
    }
}
