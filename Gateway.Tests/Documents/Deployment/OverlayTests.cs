using Gateway.Configuration.Model;
using Gateway.Tests.Support;
using k8s.Models;
using Npgsql;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>
/// Promise: the objects of each overlay of deploy/kubernetes fit the gateway. Their settings load, and probes are answered. The pod has the time,
/// the memory, the folders and the network that the settings need, and no further right.
/// </summary>
public sealed class OverlayTests(OverlayTests.Running running) : IClassFixture<OverlayTests.Running>
{
    private const string Name = "openrouter-gateway";

    // For the kubelet, which counts from its decision to end the pod.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Overlays => [.. Manifests.Overlays];

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Settings_PassTheCheck(string overlay)
    {
        var manifests = await running.RenderAsync(overlay);
        using var mounted = await MountedSettings.MountAsync(manifests);

        var snapshot = await mounted.Folder.LoadGoodAsync();

        // The listeners are those of a pod, with TLS before it.
        Assert.All(snapshot.Warnings, warning => Assert.Contains(warning.Path, (string[])["Server:Address", "Server:Https"]));
        Assert.Equal("search", Assert.Single(snapshot.Teams.Teams).Id);
        Assert.Equal(
            overlay == "one-node" ? (UsageStore.Sqlite, LimitsStore.Memory) : (UsageStore.Postgres, LimitsStore.Redis),
            (snapshot.Settings.Usage.Store, snapshot.Settings.Limits.Store));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task SettingsAndSecrets_AreMountedAsFolders(string overlay)
    {
        var manifests = await running.RenderAsync(overlay);
        var dockerfile = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "Dockerfile"), TestContext.Current.CancellationToken);

        Assert.All(manifests.Container.VolumeMounts, mount => Assert.Null(mount.SubPath));
        Assert.All(
            manifests.Pod.Spec.Volumes.Where(volume => volume.ConfigMap is not null),
            volume => Assert.NotEmpty(manifests.Named<V1ConfigMap>(volume.ConfigMap.Name).Data));
        var settings = manifests.MountOf(volume => volume.ConfigMap?.Name == Name + "-settings");
        Assert.Contains($"ENV GATEWAY_CONFIG={settings.MountPath}/appsettings.json", dockerfile, StringComparison.Ordinal);
        Assert.True(settings.ReadOnlyProperty);
        var data = manifests.Container.VolumeMounts.Single(mount => mount.Name == "data");
        Assert.Contains($"\nWORKDIR {data.MountPath}\n", dockerfile, StringComparison.Ordinal);
        Assert.NotEqual(true, data.ReadOnlyProperty);
        var temporary = manifests.MountOf(volume => volume.EmptyDir is { Medium: "Memory", SizeLimit: not null });
        Assert.Equal("/tmp", temporary.MountPath);
        Assert.NotEqual(true, temporary.ReadOnlyProperty);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Probes_AreAnsweredAtTheirPorts(string overlay)
    {
        var container = (await running.RenderAsync(overlay)).Container;
        using var mounted = await MountedSettings.MountAsync(await running.RenderAsync(overlay));
        var settings = (await mounted.Folder.LoadGoodAsync()).Settings;

        Assert.Equal(
            [("http", settings.Server.Port), ("admin", new Uri(settings.Admin.Url).Port)],
            container.Ports.Select(port => (port.Name, port.ContainerPort)));
        var gateway = await running.GatewayAsync();
        using var admin = await gateway.AdminClientAsync();
        (string Path, V1Probe Probe)[] probes =
        [
            ("/health/live", container.StartupProbe), ("/health/live", container.LivenessProbe), ("/health/ready", container.ReadinessProbe),
        ];
        foreach (var (path, probe) in probes)
        {
            Assert.Equal(path, probe.HttpGet.Path);
            Assert.Contains(probe.HttpGet.Port.Value, container.Ports.Select(port => port.Name));
            var client = probe.HttpGet.Port.Value == "admin" ? admin : gateway.Client;
            using var answer = await client.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)answer.StatusCode);
        }

        // It answers when the public port has no connection left.
        Assert.Equal("admin", container.LivenessProbe.HttpGet.Port.Value);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Pod_HasTheTimeAndTheMemoryOfItsSettings(string overlay)
    {
        var manifests = await running.RenderAsync(overlay);
        using var mounted = await MountedSettings.MountAsync(manifests);
        var server = (await mounted.Folder.LoadGoodAsync()).Settings.Server;

        var grace = TimeSpan.FromSeconds(manifests.Pod.Spec.TerminationGracePeriodSeconds!.Value);
        Assert.True(grace >= global::Gateway.Hosting.GatewayHost.ShutdownTime(server) + Margin, $"{grace} is less than the time of a shutdown");

        // Services notice after the readiness probe that a pod ends.
        var probe = manifests.Container.ReadinessProbe;
        Assert.True(server.ShutdownDelay >= TimeSpan.FromSeconds(2 * probe.PeriodSeconds!.Value * probe.FailureThreshold!.Value));
        Assert.Equal(2 * server.RequestBodyMemory, manifests.Container.Resources.Limits["memory"].ToInt64());
        Assert.Contains("cpu", manifests.Container.Resources.Requests.Keys);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Pod_HasNoRights(string overlay)
    {
        var manifests = await running.RenderAsync(overlay);
        var pod = manifests.Pod.Spec;
        var container = manifests.Container.SecurityContext;

        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.NotEqual(0, pod.SecurityContext.RunAsUser);
        Assert.Equal(pod.SecurityContext.RunAsGroup, pod.SecurityContext.FsGroup);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        Assert.True(container.ReadOnlyRootFilesystem);
        Assert.False(container.AllowPrivilegeEscalation);
        Assert.Equal(["ALL"], container.Capabilities.Drop);
        Assert.Null(container.Capabilities.Add);
        Assert.False(pod.AutomountServiceAccountToken);
        Assert.False(pod.EnableServiceLinks);
        Assert.False(manifests.Named<V1ServiceAccount>(pod.ServiceAccountName).AutomountServiceAccountToken);
        Assert.Equal("restricted", manifests.Single<V1Namespace>().Metadata.Labels["pod-security.kubernetes.io/enforce"]);

        // Readable by the group of the pod, not writable, and by no other user.
        Assert.Equal(Convert.ToInt32("440", 8), pod.Volumes.Single(volume => volume.Secret is not null).Secret.DefaultMode);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Objects_SelectThePodsAndTheirPorts(string overlay)
    {
        var manifests = await running.RenderAsync(overlay);
        var labels = manifests.Pod.Metadata.Labels;

        Assert.All(manifests.Find<V1Service>(), service =>
        {
            Assert.All(service.Spec.Selector, label => Assert.Contains(label, labels));
            var port = service.Spec.Ports.Single();
            Assert.Equal(manifests.Container.Ports.Single(target => target.Name == port.TargetPort.Value).ContainerPort, port.Port);
        });
        Assert.All(
            manifests.Find<V1NetworkPolicy>().Select(policy => policy.Spec.PodSelector)
                .Concat(manifests.Find<V1PodDisruptionBudget>().Select(budget => budget.Spec.Selector)),
            selector => Assert.All(selector.MatchLabels, label => Assert.Contains(label, labels)));
        Assert.All(manifests.All.Where(item => item is not V1Namespace), item => Assert.Equal(Name, item.Metadata.NamespaceProperty));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Network_IsThatOfTheSettings(string overlay)
    {
        var manifests = await running.RenderAsync(overlay);
        using var mounted = await MountedSettings.MountAsync(manifests);
        var snapshot = await mounted.Folder.LoadGoodAsync();
        var policies = manifests.Find<V1NetworkPolicy>();
        string[] ports =
        [
            .. snapshot.Clusters.SelectMany(cluster => cluster.Destinations!.Values).Select(to => $"TCP {new Uri(to.Address).Port}"),
            "UDP 53", "TCP 53",
            .. snapshot.PostgresConnectionString is { } postgres ? [$"TCP {new NpgsqlConnectionStringBuilder(postgres.Reveal()).Port}"] : Array.Empty<string>(),
            .. snapshot.RedisConfiguration is { } redis
                ? ConfigurationOptions.Parse(redis.Reveal()).EndPoints.Cast<System.Net.DnsEndPoint>().Select(to => $"TCP {to.Port}")
                : Array.Empty<string>(),
        ];

        Assert.Equal(
            ports.Distinct().Order(StringComparer.Ordinal),
            policies.SelectMany(policy => policy.Spec.Egress).SelectMany(rule => rule.Ports).Select(PortOf).Order(StringComparer.Ordinal));
        var ingress = policies.SelectMany(policy => policy.Spec.Ingress ?? []).ToArray();
        Assert.Equal([$"TCP {snapshot.Settings.Server.Port}", $"TCP {new Uri(snapshot.Settings.Admin.Url).Port}"], ingress.Select(rule => PortOf(rule.Ports.Single())));
        Assert.Null(ingress[0].FromProperty);
        Assert.Equal(["openrouter-gateway/monitoring"], Assert.Single(ingress[1].FromProperty).NamespaceSelector.MatchLabels.Keys);
        Assert.All(policies, policy => Assert.Contains("Egress", policy.Spec.PolicyTypes));
        Assert.Contains("Ingress", policies[0].Spec.PolicyTypes);
    }

    [Fact]
    public async Task OneNode_HasOnePodWithAVolume()
    {
        var manifests = await running.RenderAsync("one-node");
        var set = manifests.Single<V1StatefulSet>().Spec;

        // A StatefulSet ends a pod before it starts the next one, also when it is evicted; a Deployment does not.
        Assert.Empty(manifests.Find<V1Deployment>());
        Assert.Equal(1, set.Replicas);
        Assert.Equal("data", Assert.Single(set.VolumeClaimTemplates).Metadata.Name);
        Assert.DoesNotContain(set.Template.Spec.Volumes, volume => volume.Name == "data");
        Assert.Equal("None", manifests.Named<V1Service>(set.ServiceName).Spec.ClusterIP);
        Assert.Empty(manifests.Find<V1PodDisruptionBudget>());
    }

    [Fact]
    public async Task ManyNodes_StayUpDuringUpgradesAndDrains()
    {
        var manifests = await running.RenderAsync("many-nodes");
        var deployment = manifests.Single<V1Deployment>().Spec;

        Assert.Empty(manifests.Find<V1StatefulSet>());
        Assert.True(deployment.Replicas > 1);
        Assert.Equal(("0", "1"), (deployment.Strategy.RollingUpdate.MaxUnavailable.Value, deployment.Strategy.RollingUpdate.MaxSurge.Value));
        Assert.Equal("1", manifests.Single<V1PodDisruptionBudget>().Spec.MaxUnavailable.Value);
        Assert.NotNull(deployment.Template.Spec.Volumes.Single(volume => volume.Name == "data").EmptyDir);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Image_IsSetByTheOverlay(string overlay)
    {
        var image = Manifests.ReadKustomization(Path.Combine(Manifests.Folder, overlay)).Images.Single();

        Assert.Equal("openrouter-gateway", image.Name);
        Assert.Equal($"{image.NewName}:{image.NewTag}", (await running.RenderAsync(overlay)).Container.Image);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task ServiceMonitor_FindsTheMetrics(string overlay)
    {
        // A kustomization may only name folders by relative paths.
        using var folder = new TempFolder();
        folder.Write("kustomization.yaml", $"""
            apiVersion: kustomize.config.k8s.io/v1beta1
            kind: Kustomization
            resources: [ {Path.GetRelativePath(folder.Path, Path.Combine(Manifests.Folder, overlay))} ]
            components: [ {Path.GetRelativePath(folder.Path, Path.Combine(Manifests.Folder, Manifests.Component))} ]
            """);

        var manifests = await Manifests.RenderAsync(folder.Path);

        var monitor = manifests.Single<ServiceMonitor>().Spec;
        var service = manifests.Find<V1Service>().Single(service => monitor.Selector.MatchLabels.All(service.Metadata.Labels.Contains));
        var endpoint = Assert.Single(monitor.Endpoints);
        Assert.Equal(service.Spec.Ports.Single().Name, endpoint.Port);
        Assert.Equal("admin", service.Spec.Ports.Single().TargetPort.Value);
        Assert.Equal(manifests.Pod.Spec.Volumes.Single(volume => volume.Secret is not null).Secret.SecretName, endpoint.Authorization.Credentials.Name);
        using var mounted = await MountedSettings.MountAsync(manifests);
        Assert.Contains(endpoint.Authorization.Credentials.Key, mounted.Secrets);
        using var admin = await (await running.GatewayAsync()).AdminClientAsync();
        using var answer = await admin.GetAsync(endpoint.Path, TestContext.Current.CancellationToken);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    private static string PortOf(V1NetworkPolicyPort port) => $"{port.Protocol ?? "TCP"} {port.Port.Value}";

    /// <summary>The rendered overlays, and a gateway that probes are sent to; each made by the first test that asks.</summary>
    public sealed class Running : IAsyncDisposable
    {
        private readonly Dictionary<string, Manifests> _rendered = [];
        private GatewayHost? _gateway;

        /// <inheritdoc />
        public async ValueTask DisposeAsync()
        {
            if (_gateway is { } gateway)
            {
                await gateway.DisposeAsync();
            }
        }

        internal async Task<Manifests> RenderAsync(string overlay)
        {
            if (!_rendered.TryGetValue(overlay, out var manifests))
            {
                _rendered.Add(overlay, manifests = await Manifests.RenderAsync(Path.Combine(Manifests.Folder, overlay)));
            }

            return manifests;
        }

        internal async Task<GatewayHost> GatewayAsync() => _gateway ??= await GatewayHost.StartAsync(
            static options => options.Settings = ShippedSettings.With(("Admin", """{ "Url": "http://127.0.0.1:0" }""")));
    }
}
