using System.Diagnostics;
using System.Globalization;

namespace HopBenchmark;

/// <summary>Opens many event streams at once and counts every event: one that is missing is an error.</summary>
internal sealed class StreamLoad : IDisposable
{
    private static readonly TimeSpan RampUp = TimeSpan.FromSeconds(1);

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null })
    {
        Timeout = TimeSpan.FromMinutes(2),
    };

    private readonly byte[] _body;
    private int? _expected;

    public StreamLoad(byte[] body)
    {
        _body = body;
    }

    /// <summary>Runs streams, started evenly over a second, to their end.</summary>
    /// <param name="hop">Whom to ask.</param>
    /// <param name="streams">How many at once.</param>
    /// <param name="texts">Events of text in each; the upstream adds those that open and close a stream.</param>
    /// <param name="interval">The pause after every event.</param>
    public async Task<LoadResult> RunAsync(Hop hop, int streams, int texts, TimeSpan interval)
    {
        // The upstream itself comes first and says how many events a stream has.
        var expected = _expected ??= await ExpectedAsync(hop, texts);
        var first = new TimeSpan[streams];
        var events = 0L;
        var errors = 0L;
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, streams).Select(async i =>
        {
            await Task.Delay(RampUp * i / streams);
            int received;
            (received, first[i]) = await ReadAsync(hop, texts, interval);
            Interlocked.Add(ref events, received);
            Interlocked.Add(ref errors, Math.Abs(expected - received));
        }));
        return LoadResult.Of(events, Stopwatch.GetElapsedTime(start), first, errors);
    }

    public void Dispose() => _client.Dispose();

    private async Task<int> ExpectedAsync(Hop direct, int texts)
    {
        var (events, _) = await ReadAsync(direct, texts, TimeSpan.Zero);
        return events > texts
            ? events
            : throw new InvalidOperationException($"the upstream sent {events} events, and {texts} were asked for");
    }

    private async Task<(int Events, TimeSpan First)> ReadAsync(Hop hop, int texts, TimeSpan interval)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, hop.Url) { Content = new ByteArrayContent(_body) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Authorization = new("Bearer", "sk-bench");
        request.Headers.Add("x-fake-stream", "1");
        request.Headers.Add("x-fake-events", texts.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("x-fake-interval-ms", ((int)interval.TotalMilliseconds).ToString(CultureInfo.InvariantCulture));

        var sent = Stopwatch.GetTimestamp();
        var first = TimeSpan.Zero;
        var events = 0;
        try
        {
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            response.EnsureSuccessStatusCode();
            await using var stream = await response.Content.ReadAsStreamAsync();
            var buffer = new byte[4096];
            var counter = new EventCounter();
            int count;
            while ((count = await stream.ReadAsync(buffer)) > 0)
            {
                events += counter.Count(buffer.AsSpan(0, count));
                if (first == TimeSpan.Zero && events > 0)
                {
                    first = Stopwatch.GetElapsedTime(sent);
                }
            }
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException or TaskCanceledException)
        {
            // What did not arrive is counted as lost.
        }

        return (events, first);
    }
}
