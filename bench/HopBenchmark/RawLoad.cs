using System.Diagnostics;
using System.Net.Sockets;

namespace HopBenchmark;

/// <summary>Posts with this program's client.</summary>
internal static class RawLoad
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Posts one body once on each of many connections, concurrently. Returns the number of responses other than 200.</summary>
    public static async Task<int> PostAllAsync(Hop hop, byte[] body, int connections)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
        {
            using var client = new RawClient(hop, body);
            try
            {
                await client.ConnectAsync();
                return await client.PostAsync().AsTask().WaitAsync(Patience);
            }
            catch (Exception broken) when (broken is IOException or SocketException or TimeoutException)
            {
                return false;
            }
        }));
        return answers.Count(isSuccess => !isSuccess);
    }

    /// <summary>Posts one body a number of times over a number of connections, each a closed loop.</summary>
    public static async Task<LoadResult> RunAsync(Hop hop, byte[] body, int connections, int requests)
    {
        var clients = Enumerable.Range(0, connections).Select(_ => new RawClient(hop, body)).ToArray();
        try
        {
            await Task.WhenAll(clients.Select(client => client.ConnectAsync()));
            var latencies = new TimeSpan[requests];
            var next = -1;
            var errors = 0;
            var start = Stopwatch.GetTimestamp();
            await Task.WhenAll(clients.Select(async client =>
            {
                int mine;
                while ((mine = Interlocked.Increment(ref next)) < requests)
                {
                    var sent = Stopwatch.GetTimestamp();
                    if (!await client.PostAsync())
                    {
                        Interlocked.Increment(ref errors);
                    }

                    latencies[mine] = Stopwatch.GetElapsedTime(sent);
                }
            }));
            return LoadResult.Of(requests, Stopwatch.GetElapsedTime(start), latencies, errors);
        }
        finally
        {
            foreach (var client in clients)
            {
                client.Dispose();
            }
        }
    }
}
