using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Gateway.Configuration;
using Gateway.Secrets;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace Gateway.OpenRouter;

/// <summary>
/// Sends the gateway's own requests, for price lists and for the bills of calls. It uses the HTTP client, the HTTP version and the
/// destinations of YARP's current cluster, so proxy and TLS settings and reloads apply to these requests as they do to calls. A destination
/// with a key of its own is asked with this key, and never with a team's. YARP applies a reload before the settings are replaced: until then a
/// destination that the reload has added or changed is not asked, since the settings have no key for it.
/// </summary>
internal sealed class OpenRouterClient(IProxyStateLookup proxy, TimeProvider time) : IOpenRouterClient
{
    /// <summary>The largest accepted list, decoded. The list of models has a few megabytes.</summary>
    internal const int MaxListSize = 16 * 1024 * 1024;

    /// <summary>
    /// The largest accepted bill, decoded. A bill has about two kilobytes; several are requested at the same time.
    /// </summary>
    internal const int MaxBillSize = 64 * 1024;

    private const int Ok = 200;
    private const int NotFound = 404;

    private const string Gzip = "gzip";
    private const string Identity = "identity";

    /// <summary>The timeout of one attempt, unless the cluster's ActivityTimeout is shorter.</summary>
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(20);

    /// <summary>The timeout of all attempts together. Shorter than the lease of a ledger row.</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(45);

    /// <inheritdoc />
    public async Task<T?> GetListAsync<T>(
        string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
        where T : class
    {
        var targets = Targets(snapshot, key, servedBy: null, sentWith: null, isBill: false).ToList();
        return (await GetAsync(targets, path, MaxListSize, read, endsWhenMissing: false, cancellationToken)).Value;
    }

    /// <inheritdoc />
    public Task<OpenRouterBill<T>> GetBillAsync<T>(
        string path,
        SettingsSnapshot snapshot,
        UpstreamKey key,
        string? servedBy,
        string? sentWith,
        Func<byte[], T?> read,
        CancellationToken cancellationToken)
        where T : class
    {
        if (!CanBeAskedForBills(snapshot, servedBy))
        {
            return Task.FromResult(new OpenRouterBill<T>(null, IsMissing: false, IsAnswered: true));
        }

        var targets = Targets(snapshot, key, servedBy, sentWith, isBill: true).ToList();
        return GetAsync(targets, path, MaxBillSize, read, endsWhenMissing: true, cancellationToken);
    }

    private async Task<OpenRouterBill<T>> GetAsync<T>(
        IReadOnlyList<Target> targets,
        string path,
        int maxSize,
        Func<byte[], T?> read,
        bool endsWhenMissing,
        CancellationToken cancellationToken)
        where T : class
    {
        using var timeout = new CancellationTokenSource(RequestTimeout, time);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        var isAnswered = false;
        foreach (var target in targets)
        {
            if (timeout.IsCancellationRequested)
            {
                break;
            }

            var (status, body) = await SendAsync(target, path, maxSize, limited.Token, cancellationToken);
            if (status == Ok && read(body) is { } value)
            {
                return new OpenRouterBill<T>(value, IsMissing: false, IsAnswered: true);
            }

            var isJson = endsWhenMissing && status is Ok or NotFound && IsJson(body);
            if (isJson && status == NotFound && target.IsAuthoritative)
            {
                return new OpenRouterBill<T>(null, IsMissing: true, IsAnswered: true);
            }

            isAnswered |= isJson && target.MayKnow;
        }

        return new OpenRouterBill<T>(null, IsMissing: false, isAnswered);
    }

    /// <summary>Sends one request. The status is 0 if no response arrived, and the body is empty unless the status is 200 or 404.</summary>
    private async Task<(int Status, byte[] Body)> SendAsync(
        Target target, string path, int maxSize, CancellationToken limited, CancellationToken cancellationToken)
    {
        var destination = target.Destination;
        if (!Uri.TryCreate($"{destination.Address.TrimEnd('/')}/{path}", UriKind.Absolute, out var address))
        {
            return (0, []);
        }

        var model = target.Cluster;
        var settings = model.Config.HttpRequest;
        using var timeout = new CancellationTokenSource(
            settings?.ActivityTimeout is { } idle && idle > TimeSpan.Zero && idle < AttemptTimeout ? idle : AttemptTimeout, time);
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(limited, timeout.Token);
        try
        {
            // The defaults are those of YARP's forwarder.
            using var request = new HttpRequestMessage(HttpMethod.Get, address)
            {
                Version = settings?.Version ?? HttpVersion.Version20,
                VersionPolicy = settings?.VersionPolicy ?? HttpVersionPolicy.RequestVersionOrLower,
            };
            request.Headers.Host = destination.Host;
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue(Gzip));
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", target.Key.Reveal());

            using var response = await model.HttpClient.SendAsync(request, attempt.Token);
            var status = (int)response.StatusCode;
            return (status, status is Ok or NotFound ? await ReadAsync(response.Content, maxSize, attempt.Token) : []);
        }
        catch (Exception fault) when (IsFailedAttempt(fault) && !cancellationToken.IsCancellationRequested)
        {
            return (0, []);
        }
    }

    /// <summary>
    /// Whether an exception means that no response arrived or that its body cannot be decoded. A timeout is an
    /// <see cref="OperationCanceledException"/>.
    /// </summary>
    private static bool IsFailedAttempt(Exception fault) => fault is HttpRequestException or IOException or InvalidDataException
        or InvalidOperationException or NotSupportedException or OperationCanceledException;

    private static bool IsJson(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Reads and decodes a body. The cluster's HTTP client decodes nothing, since it forwards calls unchanged.</summary>
    private static async Task<byte[]> ReadAsync(HttpContent content, int maxSize, CancellationToken cancellationToken)
    {
        var body = await content.ReadAsStreamAsync(cancellationToken);
        var encoding = string.Join(',', content.Headers.ContentEncoding);
        await using var plain = encoding.Length == 0 || Is(Identity) ? body
            : Is(Gzip) || Is("x-gzip") ? new GZipStream(body, CompressionMode.Decompress)
            : throw new InvalidDataException($"The response has the encoding {encoding}, which the request did not accept.");
        using var read = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await plain.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            if (read.Length + count > maxSize)
            {
                throw new InvalidDataException("The response is too large.");
            }

            read.Write(buffer, 0, count);
        }

        return read.ToArray();

        // Names of encodings ignore case, and x-gzip is gzip (RFC 9110, 8.4.1).
        bool Is(string name) => encoding.Equals(name, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// The destinations to try, in order: first the one that served the call, even if it is unhealthy, since only that one certainly has
    /// the bill; then the available destinations of its cluster that use the same account, which is the team's unless a destination has a key
    /// of its own. None if the cluster is no longer configured. Lists are those of any account; the team's goes first. A reload may have
    /// given the destination another key since the call, or removed it: the answer of another key is an answer, which ends the wait after a day, and
    /// no proof, since the keys may be of one account or of two. All are chosen before the first request: a reload during the requests must not
    /// pair a destination with a key of other settings.
    /// </summary>
    private IEnumerable<Target> Targets(SettingsSnapshot snapshot, UpstreamKey team, string? servedBy, string? sentWith, bool isBill)
    {
        var (cluster, serving) = Find(snapshot, servedBy);
        if (cluster is null)
        {
            yield break;
        }

        if (serving is not null && ConfigOf(serving) is { } served)
        {
            var own = KeyOf(snapshot, cluster, serving);
            var key = own ?? team;
            yield return new Target(cluster.Model, served, key, IsAuthoritative: IsSentWith(key), MayKnow: true);
            if (own is not null && IsSentWith(key))
            {
                yield break;
            }
        }

        var isOnly = serving is null && cluster.Destinations.Count == 1;
        var others = cluster.DestinationsState.AvailableDestinations
            .Where(destination => destination != serving)
            .Select(destination => (Config: ConfigOf(destination), Own: KeyOf(snapshot, cluster, destination)))
            .ToList();
        foreach (var (other, own) in others)
        {
            if (other is not null && own is null)
            {
                yield return new Target(cluster.Model, other, team, IsAuthoritative: isOnly && IsSentWith(team), MayKnow: serving is null);
            }
        }

        if (!isBill)
        {
            foreach (var (other, own) in others)
            {
                if (other is not null && own is not null)
                {
                    yield return new Target(cluster.Model, other, own, isOnly, MayKnow: true);
                }
            }
        }

        // Read once: the request is sent to the address that the settings have.
        DestinationConfig? ConfigOf(DestinationState destination) =>
            destination.Model.Config is var config && snapshot.HasDestination(cluster.ClusterId, destination.DestinationId, config) ? config : null;

        bool IsSentWith(UpstreamKey key) => sentWith is null || sentWith == key.Name;
    }

    /// <summary>
    /// Whether a configured destination, available or not, may be asked for a bill. Not after a reload that renamed or removed the cluster of
    /// the call, or that removed its destination and left only those with keys of their own.
    /// </summary>
    private bool CanBeAskedForBills(SettingsSnapshot snapshot, string? servedBy)
    {
        var (cluster, serving) = Find(snapshot, servedBy);
        return serving is not null || (cluster is not null && cluster.Destinations.Values.Any(destination => KeyOf(snapshot, cluster, destination) is null));
    }

    private static UpstreamKey? KeyOf(SettingsSnapshot snapshot, ClusterState cluster, DestinationState destination) =>
        snapshot.DestinationKeys is { IsEmpty: false } keys ? keys.Find(cluster.ClusterId, destination.DestinationId) : null;

    /// <summary>The cluster and the destination that served a call, as far as they are configured; the default cluster if it is unknown.</summary>
    private (ClusterState? Cluster, DestinationState? Destination) Find(SettingsSnapshot snapshot, string? servedBy)
    {
        if (servedBy is null)
        {
            return (DefaultCluster(snapshot), null);
        }

        var (clusterId, id) = DestinationName.Split(servedBy);
        return proxy.TryGetCluster(clusterId, out var cluster) ? (cluster, cluster.Destinations.GetValueOrDefault(id)) : default;
    }

    private ClusterState? DefaultCluster(SettingsSnapshot snapshot) =>
        proxy.TryGetCluster(DestinationName.DefaultCluster, out var cluster)
        || (snapshot.Clusters is [var first, ..] && proxy.TryGetCluster(first.ClusterId, out cluster))
            ? cluster
            : null;

    /// <param name="Cluster">The cluster.</param>
    /// <param name="Destination">The destination, as the settings of the key have it.</param>
    /// <param name="Key">Its own key, or else the team's.</param>
    /// <param name="IsAuthoritative">Whether its 404 proves that a call has no bill.</param>
    /// <param name="MayKnow">Whether it may have served the call: it has, or it is unknown which destination has.</param>
    private readonly record struct Target(
        ClusterModel Cluster, DestinationConfig Destination, UpstreamKey Key, bool IsAuthoritative, bool MayKnow);
}
