using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>The clusters' limits of silence: the time without a single byte after which YARP ends a request.</summary>
internal static class ActivityTimeouts
{
    // YARP's default.
    private static readonly TimeSpan Default = TimeSpan.FromSeconds(100);

    /// <summary>The limit of a cluster.</summary>
    public static TimeSpan Of(ClusterConfig cluster) => cluster.HttpRequest?.ActivityTimeout ?? Default;

    /// <summary>Warns of time limits for data events that are longer than a cluster's limit of silence.</summary>
    /// <param name="upstream">The section <c>Upstream</c>; <see langword="null"/> if it is at fault.</param>
    /// <param name="clusters">The clusters.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public static void Warn(UpstreamSettings? upstream, IEnumerable<ClusterConfig> clusters, ICollection<SettingsFault> warnings)
    {
        foreach (var cluster in clusters)
        {
            Warn("FirstEventTimeout", upstream?.FirstEventTimeout, cluster, warnings);
            Warn("EventTimeout", upstream?.EventTimeout, cluster, warnings);
        }
    }

    private static void Warn(string name, TimeSpan? limit, ClusterConfig cluster, ICollection<SettingsFault> warnings)
    {
        if (limit > Of(cluster))
        {
            warnings.Add(new SettingsFault(
                $"{SettingsSchema.Upstream}:{name}",
                $"\"{limit:c}\" is longer than the ActivityTimeout of the cluster {cluster.ClusterId}, \"{Of(cluster):c}\", which ends a stream "
                    + "without a single byte earlier"));
        }
    }
}
