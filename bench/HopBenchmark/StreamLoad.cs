using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace HopBenchmark;

/// <summary>Opens many event streams, each on its own connection, and counts all events. A missing event is an error.</summary>
internal static class StreamLoad
{
    // The time after which a late stream is abandoned.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Runs streams to their end.</summary>
    /// <param name="hop">The hop.</param>
    /// <param name="body">The body of a streaming request.</param>
    /// <param name="schedule">The schedule of the upstream's events.</param>
    /// <param name="streams">The number of concurrent streams.</param>
    /// <param name="rampUp">The time over which the streams are opened evenly.</param>
    public static async Task<LoadResult> RunAsync(Hop hop, byte[] body, StreamSchedule schedule, int streams, TimeSpan rampUp)
    {
        using var deadline = new CancellationTokenSource(rampUp + schedule.Duration + Patience);
        var requests = hop.Keys.Select(key => (byte[])[.. RawClient.Head(hop, key, body.Length), .. body]).ToArray();
        var start = Stopwatch.GetTimestamp();
        var readers = await Task.WhenAll(Enumerable.Range(0, streams).Select(async i =>
        {
            await Task.Delay(rampUp * i / streams);
            return await ReadAsync(hop, requests[i % requests.Length], schedule, deadline.Token);
        }));
        var duration = Stopwatch.GetElapsedTime(start);
        return LoadResult.Of(
            readers.Sum(reader => (long)reader.Events),
            duration,
            [.. readers.SelectMany(reader => reader.Delays)],
            readers.Sum(reader => (long)Math.Abs(schedule.Events - reader.Events)));
    }

    private static async Task<EventStreamReader> ReadAsync(Hop hop, byte[] request, StreamSchedule schedule, CancellationToken deadline)
    {
        var reader = new EventStreamReader(schedule.Texts);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await using var abort = deadline.UnsafeRegister(static socket => ((Socket)socket!).Dispose(), socket);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, hop.Url.Port));
            for (ReadOnlyMemory<byte> rest = request; !rest.IsEmpty;)
            {
                rest = rest[await socket.SendAsync(rest, CancellationToken.None)..];
            }

            var buffer = new byte[2048];
            int count;
            while (!reader.IsOver && (count = await socket.ReceiveAsync(buffer)) > 0)
            {
                reader.Read(buffer.AsSpan(0, count), Stopwatch.GetTimestamp());
            }
        }
        catch (Exception broken) when (broken is SocketException or ObjectDisposedException)
        {
            // Events that did not arrive are counted as lost.
        }

        return reader;
    }
}
