using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Gateway.Secrets;

namespace Gateway.Alerts;

/// <summary>
/// Posts alerts. It has connections of its own: receivers are not upstream. Neither the URL nor anything of the response leaves this class,
/// since the URL is a secret and the response may repeat it.
/// </summary>
internal sealed class AlertClient : IDisposable
{
    /// <summary>The longest wait for the headers of a response.</summary>
    internal static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(1);

    private readonly TimeProvider _time;
    private readonly HttpClient _client;

    public AlertClient(TimeProvider time)
    {
        _time = time;
        _client = new HttpClient(new SocketsHttpHandler
        {
            // A redirect could lead the alert and its signature to a stranger.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = true,
            ActivityHeadersPropagator = null,
            ConnectTimeout = Timeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),

            // In kilobytes. The body is discarded, and only a short one is worth reading to reuse the connection.
            MaxResponseHeadersLength = 32,
            MaxResponseDrainSize = 64 * 1024,
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
        })
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Posts a body.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="body">The body, which is JSON.</param>
    /// <param name="secret">The secret that signs the body; <see langword="null"/> for no signature.</param>
    /// <param name="cancellationToken">Cancels the post.</param>
    public async Task<AlertPost> PostAsync(SecretText url, byte[] body, SecretText? secret, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Timeout, _time);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url.Reveal()) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("OpenRouterGateway", null));
            if (secret is not null)
            {
                request.Headers.Add(AlertSignature.Header, AlertSignature.Of(body, _time.GetUtcNow(), secret));
            }

            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limited.Token);
            return Judge(response);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new AlertPost($"no response within {Timeout.TotalSeconds:0} seconds");
        }
        catch (HttpRequestException fault)
        {
            // Not the message, which names the host.
            return new AlertPost(fault.HttpRequestError.ToString());
        }
#pragma warning disable CA1031 // Any exception: the alert is posted later.
        catch (Exception fault) when (fault is not OperationCanceledException)
#pragma warning restore CA1031
        {
            return new AlertPost(fault.GetType().Name);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _client.Dispose();

    private AlertPost Judge(HttpResponseMessage response)
    {
        if (response.IsSuccessStatusCode)
        {
            return AlertPost.Succeeded;
        }

        var status = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
        var reason = response.StatusCode is >= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest
            ? $"status {status}, a redirect, which is not followed"
            : $"status {status}";
        var retryAfter = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - _time.GetUtcNow(),
            _ => TimeSpan.Zero,
        };
        return new AlertPost(reason, retryAfter < LongestRetryAfter ? retryAfter : LongestRetryAfter);
    }
}
