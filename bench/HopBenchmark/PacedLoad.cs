using System.Diagnostics;
using System.Net.Sockets;

namespace HopBenchmark;

/// <summary>
/// Posts at a fixed rate, regardless of response times: an open loop. Latency is measured from the time at which a request was due and not
/// from its sending, so a hop that stalls is charged for all requests that it delayed.
/// </summary>
internal static class PacedLoad
{
    private const int Connections = 16;

    // Time for the threads to start before the first request is due.
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs a round.</summary>
    /// <param name="hop">The hop.</param>
    /// <param name="body">The body.</param>
    /// <param name="rate">Requests per second.</param>
    /// <param name="duration">The duration.</param>
    public static async Task<LoadResult> RunAsync(Hop hop, byte[] body, double rate, TimeSpan duration)
    {
        var paced = await LatenciesAsync(hop, body, rate, duration);
        return LoadResult.Of(paced.Latencies.Length, paced.Duration, paced.Latencies, paced.Errors);
    }

    /// <summary>Runs a round and returns the latency of each request, in the order of their due times.</summary>
    public static async Task<PacedResult> LatenciesAsync(Hop hop, byte[] body, double rate, TimeSpan duration)
    {
        var clients = Enumerable.Range(0, Connections).Select(_ => new RawClient(hop, body)).ToArray();
        try
        {
            Array.ForEach(clients, client => client.Connect());
            var latencies = new TimeSpan[Math.Max(1, (int)(rate * duration.TotalSeconds))];
            var next = -1;
            var errors = 0L;
            var start = Stopwatch.GetTimestamp() + (long)(HeadStart.TotalSeconds * Stopwatch.Frequency);

            // One thread per connection with blocking calls: a task's timer has a resolution of a millisecond, and its queue would be part
            // of the figures.
            await Task.WhenAll(clients.Select(client => Task.Factory.StartNew(
                () =>
                {
                    int mine;
                    while ((mine = Interlocked.Increment(ref next)) < latencies.Length)
                    {
                        var due = start + (long)(mine / rate * Stopwatch.Frequency);
                        PreciseSleep.Until(due);
                        if (!TryPost(client))
                        {
                            Interlocked.Increment(ref errors);
                        }

                        latencies[mine] = Stopwatch.GetElapsedTime(due);
                    }
                },
                TaskCreationOptions.LongRunning)));
            return new PacedResult(latencies, rate, Stopwatch.GetElapsedTime(start), errors);
        }
        finally
        {
            foreach (var client in clients)
            {
                client.Dispose();
            }
        }
    }

    private static bool TryPost(RawClient client)
    {
        try
        {
            return client.Post();
        }
        catch (Exception broken) when (broken is IOException or SocketException)
        {
            client.Connect();
            return false;
        }
    }
}
