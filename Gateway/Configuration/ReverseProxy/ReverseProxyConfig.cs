using Gateway.Configuration.Tree;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>Section <c>ReverseProxy</c> in YARP's types.</summary>
/// <param name="Routes">The routes.</param>
/// <param name="Clusters">The clusters.</param>
/// <param name="Section">The section in canonical form, with the flags applied. Equal sections are equal settings.</param>
internal sealed record ReverseProxyConfig(IReadOnlyList<RouteConfig> Routes, IReadOnlyList<ClusterConfig> Clusters, SettingsObject Section)
{
    public static ReverseProxyConfig Empty { get; } = new([], [], SettingsObject.Empty);
}
