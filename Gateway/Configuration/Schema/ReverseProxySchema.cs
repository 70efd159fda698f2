using System.Security.Authentication;
using Gateway.Configuration.Tree;
using Yarp.ReverseProxy.Configuration;
using static Gateway.Configuration.Tree.SettingShape;

namespace Gateway.Configuration.Schema;

/// <summary>
/// The keys that YARP 2.3 reads from its section. YARP ignores unknown keys, so a misspelled key would have no effect. A test compares this
/// list with YARP's types.
/// </summary>
internal static class ReverseProxySchema
{
    private static readonly SettingShape Strings = new List(TextValue);
    private static readonly SettingShape Metadata = new Map(new Scalar(ScalarKind.AnyText));

    private static readonly SettingShape RouteMatch = Object(
        ("Methods", Strings),
        ("Hosts", Strings),
        ("Path", TextValue),
        ("Headers", new List(Object(
            ("Name", TextValue), ("Values", Strings), ("Mode", OneOf<HeaderMatchMode>()), ("IsCaseSensitive", FlagValue)))),
        ("QueryParameters", new List(Object(
            ("Name", TextValue), ("Values", Strings), ("Mode", OneOf<QueryParameterMatchMode>()), ("IsCaseSensitive", FlagValue)))));

    /// <summary>One route.</summary>
    public static SettingShape Route { get; } = Object(
        ("ClusterId", TextValue),
        ("Match", RouteMatch),
        ("Order", Int32Value),
        ("MaxRequestBodySize", Int64Value),
        ("AuthorizationPolicy", TextValue),
        ("RateLimiterPolicy", TextValue),
        ("OutputCachePolicy", TextValue),
        ("TimeoutPolicy", TextValue),
        ("Timeout", DurationValue),
        ("CorsPolicy", TextValue),
        ("Metadata", Metadata),
        ("Transforms", new List(Metadata)));

    private static readonly SettingShape Destination = Object(
        ("Address", TextValue), ("Health", new Scalar(ScalarKind.Uri)), ("Host", TextValue), ("Metadata", Metadata));

    private static readonly SettingShape SessionAffinity = Object(
        ("Enabled", FlagValue),
        ("Policy", TextValue),
        ("FailurePolicy", TextValue),
        ("AffinityKeyName", TextValue),
        ("Cookie", Object(
            ("Path", TextValue),
            ("Domain", TextValue),
            ("HttpOnly", FlagValue),
            ("SecurePolicy", OneOf<CookieSecurePolicy>()),
            ("SameSite", OneOf<SameSiteMode>()),
            ("Expiration", DurationValue),
            ("MaxAge", DurationValue),
            ("IsEssential", FlagValue))));

    private static readonly SettingShape HealthCheck = Object(
        ("Passive", Object(("Enabled", FlagValue), ("Policy", TextValue), ("ReactivationPeriod", DurationValue))),
        ("Active", Object(
            ("Enabled", FlagValue),
            ("Interval", DurationValue),
            ("Timeout", DurationValue),
            ("Policy", TextValue),
            ("Path", TextValue),
            ("Query", TextValue))),
        ("AvailableDestinationsPolicy", TextValue));

    private static readonly SettingShape HttpClient = Object(
        ("SslProtocols", new List(OneOf<SslProtocols>())),
        ("DangerousAcceptAnyServerCertificate", FlagValue),
        ("MaxConnectionsPerServer", Int32Value),
        ("EnableMultipleHttp2Connections", FlagValue),
        ("RequestHeaderEncoding", TextValue),
        ("ResponseHeaderEncoding", TextValue),
        ("WebProxy", Object(("Address", new Scalar(ScalarKind.Uri)), ("BypassOnLocal", FlagValue), ("UseDefaultCredentials", FlagValue))));

    private static readonly SettingShape HttpRequest = Object(
        ("ActivityTimeout", DurationValue),
        ("Version", new Scalar(ScalarKind.Version)),
        ("VersionPolicy", OneOf<HttpVersionPolicy>()),
        ("AllowResponseBuffering", FlagValue));

    /// <summary>One cluster.</summary>
    public static SettingShape Cluster { get; } = Object(
        ("Destinations", new Map(Destination)),
        ("LoadBalancingPolicy", TextValue),
        ("SessionAffinity", SessionAffinity),
        ("HealthCheck", HealthCheck),
        ("HttpClient", HttpClient),
        ("HttpRequest", HttpRequest),
        ("Metadata", Metadata));

    /// <summary>The section.</summary>
    public static SettingShape Section { get; } = Object(("Routes", new Map(Route)), ("Clusters", new Map(Cluster)));
}
