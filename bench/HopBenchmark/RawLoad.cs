using System.Diagnostics;

namespace HopBenchmark;

/// <summary>Posts one body a number of times over a number of connections, each of them a closed loop.</summary>
internal static class RawLoad
{
    public static async Task<LoadResult> RunAsync(Hop hop, byte[] body, int connections, int requests)
    {
        var clients = Enumerable.Range(0, connections).Select(_ => new RawClient(hop.Url, body, hop.Keys)).ToArray();
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
