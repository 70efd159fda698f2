using Gateway.Configuration;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>Holds the list of YARP's keys against YARP's own types, so that an update of YARP cannot leave it behind.</summary>
public sealed class ReverseProxySchemaTests
{
    public static TheoryData<string, Type, string[]> Types => new()
    {
        { "Routes:x", typeof(RouteConfig), ["RouteId"] },
        { "Routes:x:Match", typeof(RouteMatch), [] },
        { "Routes:x:Match:Headers:0", typeof(RouteHeader), [] },
        { "Routes:x:Match:QueryParameters:0", typeof(RouteQueryParameter), [] },
        { "Clusters:x", typeof(ClusterConfig), ["ClusterId"] },
        { "Clusters:x:Destinations:y", typeof(DestinationConfig), [] },
        { "Clusters:x:SessionAffinity", typeof(SessionAffinityConfig), [] },
        { "Clusters:x:SessionAffinity:Cookie", typeof(SessionAffinityCookieConfig), [] },
        { "Clusters:x:HealthCheck", typeof(HealthCheckConfig), [] },
        { "Clusters:x:HealthCheck:Passive", typeof(PassiveHealthCheckConfig), [] },
        { "Clusters:x:HealthCheck:Active", typeof(ActiveHealthCheckConfig), [] },
        { "Clusters:x:HttpClient", typeof(HttpClientConfig), [] },
        { "Clusters:x:HttpClient:WebProxy", typeof(WebProxyConfig), [] },
        { "Clusters:x:HttpRequest", typeof(ForwarderRequestConfig), [] },
    };

    [Theory]
    [MemberData(nameof(Types))]
    public void Keys_AreThoseOfYarp(string path, Type type, string[] setByName)
    {
        var shape = ReverseProxySchema.Section;
        foreach (var part in path.Split(':'))
        {
            shape = shape switch
            {
                SettingShape.Members members => members.Known[part].Shape,
                SettingShape.Map map => map.Value,
                SettingShape.List list => list.Item,
                _ => throw new InvalidOperationException(path),
            };
        }

        // A property that the name of the object sets is no key; EqualityContract is not public.
        var expected = type.GetProperties().Select(property => property.Name).Except(setByName).Except(["Empty"]);
        Assert.Equal(
            expected.Order(StringComparer.Ordinal), Assert.IsType<SettingShape.Members>(shape).Known.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task EveryKey_ReachesYarp()
    {
        using var folder = new SettingsFolder { HasOtherSpelling = true };
        folder.Write("appsettings.json", """
            { "ReverseProxy": {
              "Routes": { "r": { "ClusterId": "C", "Order": 3, "MaxRequestBodySize": 5, "Metadata": { "a": 1, "b": true },
                "Match": { "Path": "/x", "Methods": [ "GET" ], "Hosts": [ "h" ],
                  "Headers": [ { "Name": "n", "Values": [ "v" ], "Mode": "headerprefix", "IsCaseSensitive": true } ],
                  "QueryParameters": [ { "Name": "q", "Mode": "Exists" } ] },
                "Transforms": [ { "X-Forwarded": "Off" } ] } },
              "Clusters": { "c": { "LoadBalancingPolicy": "RoundRobin",
                "Destinations": { "d": { "Address": "https://one.example", "Host": "h", "Metadata": { "k": "v" } } },
                "HealthCheck": { "Passive": { "Enabled": true, "Policy": "TransportFailureRate", "ReactivationPeriod": "00:01:00" },
                  "AvailableDestinationsPolicy": "HealthyOrPanic" },
                "HttpClient": { "SslProtocols": [ "tls12", "Tls13" ], "MaxConnectionsPerServer": 7, "EnableMultipleHttp2Connections": true,
                  "WebProxy": { "Address": "http://p:1" } },
                "HttpRequest": { "ActivityTimeout": "00:01:00", "Version": "2", "VersionPolicy": "RequestVersionExact",
                  "AllowResponseBuffering": false } } }
            } }
            """);

        var snapshot = await folder.LoadGoodAsync();

        var route = Assert.Single(snapshot.Routes);
        Assert.Equal((3, 5L, "1", "true"), (route.Order, route.MaxRequestBodySize, route.Metadata!["a"], route.Metadata["b"]));
        Assert.Equal(snapshot.RoutesVersion, route.Metadata[SettingsSnapshot.RoutesVersionKey]);
        Assert.Equal((HeaderMatchMode.HeaderPrefix, true), (route.Match.Headers![0].Mode, route.Match.Headers[0].IsCaseSensitive));
        var cluster = Assert.Single(snapshot.Clusters);
        Assert.Equal(
            (7, new Version(2, 0), HttpVersionPolicy.RequestVersionExact),
            (cluster.HttpClient!.MaxConnectionsPerServer, cluster.HttpRequest!.Version, cluster.HttpRequest.VersionPolicy));
        Assert.Equal(new Uri("http://p:1"), cluster.HttpClient.WebProxy!.Address);
    }
}
