using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Gateway.Configuration;
using Gateway.Secrets;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Gateway.OpenRouter;

/// <summary>
/// Sends the gateway's own requests, for price lists and for the bills of generations. It uses the HTTP client, the HTTP version and the
/// destinations of YARP's current cluster, so proxy and TLS settings and reloads apply to these requests as they do to calls.
/// </summary>
internal sealed class OpenRouterClient(SettingsStore settings, IProxyStateLookup proxy, TimeProvider time) : IOpenRouterClient
{
    /// <summary>The largest accepted body. The list of models has a few megabytes.</summary>
    private const int MaxBodySize = 64 * 1024 * 1024;

    private const string Gzip = "gzip";
    private const string Identity = "identity";

    /// <summary>The timeout of one attempt, unless the cluster's ActivityTimeout is shorter.</summary>
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(20);

    /// <summary>The timeout of all attempts together. Shorter than the lease of a ledger row.</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(45);

    /// <inheritdoc />
    public Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken) =>
        GetAsync(path, key, servedBy: null, cancellationToken);

    /// <inheritdoc />
    public async Task<OpenRouterAnswer?> GetAsync(
        string path, UpstreamKey? key, string? servedBy, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(RequestTimeout, time);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        OpenRouterAnswer? last = null;
        foreach (var target in Targets(servedBy))
        {
            if (timeout.IsCancellationRequested)
            {
                break;
            }

            var answer = await SendAsync(target, path, key, limited.Token, cancellationToken);
            if (answer is { IsFailure: false })
            {
                return answer;
            }

            last = answer ?? last;
        }

        return last;
    }

    private async Task<OpenRouterAnswer?> SendAsync(
        Target target, string path, UpstreamKey? key, CancellationToken limited, CancellationToken cancellationToken)
    {
        var destination = target.Destination.Model.Config;
        if (!Uri.TryCreate($"{destination.Address.TrimEnd('/')}/{path}", UriKind.Absolute, out var address))
        {
            return null;
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
            if (key is not null)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Reveal());
            }

            using var response = await model.HttpClient.SendAsync(request, attempt.Token);
            return new OpenRouterAnswer((int)response.StatusCode, await ReadAsync(response.Content, attempt.Token), target.IsAuthoritative);
        }
        catch (Exception fault) when (IsFailedAttempt(fault) && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether an exception means that no response arrived or that its body cannot be decoded. A timeout is an
    /// <see cref="OperationCanceledException"/>.
    /// </summary>
    private static bool IsFailedAttempt(Exception fault) => fault is HttpRequestException or IOException or InvalidDataException
        or InvalidOperationException or NotSupportedException or OperationCanceledException;

    /// <summary>Reads and decodes a body. The cluster's HTTP client decodes nothing, since it forwards calls unchanged.</summary>
    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var body = await content.ReadAsStreamAsync(cancellationToken);
        await using var plain = string.Join(',', content.Headers.ContentEncoding) switch
        {
            "" or Identity => body,
            Gzip => new GZipStream(body, CompressionMode.Decompress),
            var other => throw new InvalidDataException($"The response has the encoding {other}, which the request did not accept."),
        };
        using var read = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await plain.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            if (read.Length + count > MaxBodySize)
            {
                throw new InvalidDataException("The response is too large.");
            }

            read.Write(buffer, 0, count);
        }

        return read.ToArray();
    }

    /// <summary>
    /// The destinations to try, in order: first the one that served the call, even if it is unhealthy, since only that one certainly has
    /// the bill; then the available destinations of the default cluster.
    /// </summary>
    private IEnumerable<Target> Targets(string? servedBy)
    {
        var serving = servedBy is null ? null : Find(servedBy);
        if (serving is { } first)
        {
            yield return first;
        }

        if (DefaultCluster() is { } cluster)
        {
            foreach (var destination in cluster.DestinationsState.AvailableDestinations)
            {
                if (destination != serving?.Destination)
                {
                    yield return new Target(cluster.Model, destination, IsAuthoritative: serving is null);
                }
            }
        }
    }

    private Target? Find(string servedBy)
    {
        foreach (var cluster in proxy.GetClusters())
        {
            if (DestinationName.TryResolve(servedBy, cluster.ClusterId, out var id)
                && cluster.Destinations.TryGetValue(id, out var destination))
            {
                return new Target(cluster.Model, destination, IsAuthoritative: true);
            }
        }

        return null;
    }

    private ClusterState? DefaultCluster() =>
        proxy.TryGetCluster(DestinationName.DefaultCluster, out var cluster)
        || (settings.Current.Clusters is [var first, ..] && proxy.TryGetCluster(first.ClusterId, out cluster))
            ? cluster
            : null;

    private readonly record struct Target(ClusterModel Cluster, DestinationState Destination, bool IsAuthoritative);
}
