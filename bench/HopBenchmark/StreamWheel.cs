using System.Diagnostics;

namespace HopBenchmark;

/// <summary>
/// Sends the due events of all streams in one pass per millisecond, on its own thread: a timer per stream would cost more than the measured
/// hop.
/// </summary>
internal sealed class StreamWheel : IDisposable
{
    private static readonly long Tick = Stopwatch.Frequency / 1000;

    private readonly Lock _gate = new();
    private readonly PriorityQueue<UpstreamStream, long> _streams = new();
    private readonly Thread _thread;
    private TimeSpan _mostLate;
    private volatile bool _isOver;

    public StreamWheel()
    {
        _thread = new Thread(Turn) { IsBackground = true, Name = "stream wheel" };
        _thread.Start();
    }

    /// <summary>The largest delay of a sent event since the last call.</summary>
    public TimeSpan TakeMostLate()
    {
        lock (_gate)
        {
            var most = _mostLate;
            _mostLate = TimeSpan.Zero;
            return most;
        }
    }

    public void Add(UpstreamStream stream)
    {
        lock (_gate)
        {
            _streams.Enqueue(stream, stream.Due);
        }
    }

    public void Dispose()
    {
        _isOver = true;
        _thread.Join();
    }

    private void Turn()
    {
        var due = new List<UpstreamStream>();
        for (var next = Stopwatch.GetTimestamp(); !_isOver; next = Math.Max(next + Tick, Stopwatch.GetTimestamp()))
        {
            PreciseSleep.Until(next);
            Take(due);
            due.RemoveAll(stream => !stream.Send());
            PutBack(due);
        }
    }

    private void Take(List<UpstreamStream> due)
    {
        var now = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            while (_streams.TryPeek(out var stream, out var at) && at <= now)
            {
                due.Add(_streams.Dequeue());
                var late = Stopwatch.GetElapsedTime(at, now);
                _mostLate = late > _mostLate ? late : _mostLate;
            }
        }
    }

    private void PutBack(List<UpstreamStream> sent)
    {
        lock (_gate)
        {
            foreach (var stream in sent)
            {
                _streams.Enqueue(stream, stream.Due);
            }
        }

        sent.Clear();
    }
}
