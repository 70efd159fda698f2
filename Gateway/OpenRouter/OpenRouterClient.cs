using System.Net.Http.Headers;
using Gateway.Configuration;
using Gateway.Secrets;

namespace Gateway.OpenRouter;

/// <summary>
/// The gateway's own questions to upstream: prices, and the bills of generations. They go to the first destination of the cluster
/// <c>openrouter</c>, or of the first cluster where there is none of that name.
/// </summary>
internal sealed class OpenRouterClient(SettingsStore settings) : IOpenRouterClient, IDisposable
{
    private const string Cluster = "openrouter";

    /// <summary>The largest answer that is read: the list of models has some megabytes.</summary>
    private const long MaxAnswerSize = 64 * 1024 * 1024;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        AutomaticDecompression = System.Net.DecompressionMethods.All,
        ActivityHeadersPropagator = null,
        UseCookies = false,

        // A redirect could carry a team's key to somebody else.
        AllowAutoRedirect = false,
    })
    {
        Timeout = Timeout,
        MaxResponseContentBufferSize = MaxAnswerSize,
    };

    /// <inheritdoc />
    public async Task<(int Status, byte[] Body)?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken)
    {
        if (Base() is not { } address)
        {
            return null;
        }

        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{address.TrimEnd('/')}/{path}");
            if (key is not null)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Reveal());
            }

            using var response = await _http.SendAsync(request, cancellationToken);
            return ((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellationToken));
        }
        catch (Exception fault) when (IsUnreadable(fault) && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Whether an exception says that there was no answer, or none that can be read. The decoders throw
    /// <see cref="InvalidDataException"/> (gzip, deflate) and <see cref="InvalidOperationException"/> (br) for bytes that are not what
    /// <c>Content-Encoding</c> says; a timeout is an <see cref="OperationCanceledException"/>.
    /// </summary>
    private static bool IsUnreadable(Exception fault) =>
        fault is HttpRequestException or IOException or InvalidDataException or InvalidOperationException or OperationCanceledException;

    private string? Base()
    {
        var clusters = settings.Current.Clusters;
        var cluster = clusters.FirstOrDefault(static cluster => cluster.ClusterId == Cluster) ?? (clusters is [var first, ..] ? first : null);
        return cluster?.Destinations?.Values.FirstOrDefault()?.Address;
    }
}
