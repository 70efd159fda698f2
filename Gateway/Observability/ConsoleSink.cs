using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Debugging;
using Serilog.Events;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>
/// Writes log events to standard output, some milliseconds of them in one go and none on the request's own thread. Serilog's own ways to
/// do that wake a thread for every event, and that costs a hop more than looking into the body does.
/// </summary>
internal sealed class ConsoleSink : ILogEventSink, IDisposable
{
    /// <summary>How many events wait at most. More are dropped: a reader of the output that is stuck holds up no request.</summary>
    public const int LongestQueue = 10_000;

    /// <summary>How long an event waits for others: a person at a terminal does not notice.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(50);

    private readonly ITextFormatter _formatter;
    private readonly TextWriter _output;
    private readonly ITimer _timer;
    private readonly Lock _writing = new();
    private readonly ConcurrentQueue<LogEvent> _queue = new();
    private int _queued;
    private int _isDue;

    public ConsoleSink(ITextFormatter formatter, TextWriter output, TimeProvider time)
    {
        _formatter = formatter;
        _output = output;
        _timer = time.CreateTimer(_ => WriteDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Emit(LogEvent logEvent)
    {
        if (Interlocked.Increment(ref _queued) > LongestQueue)
        {
            Interlocked.Decrement(ref _queued);
            return;
        }

        _queue.Enqueue(logEvent);
        SetDue();
    }

    /// <summary>Writes what is left.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        Write();
    }

    private void SetDue()
    {
        if (Interlocked.Exchange(ref _isDue, 1) == 0)
        {
            _timer.Change(LongestWait, Timeout.InfiniteTimeSpan);
        }
    }

    private void WriteDue()
    {
        Write();

        // Only now: while the reader of the output is stuck, one thread waits for it and not one more every time.
        Interlocked.Exchange(ref _isDue, 0);
        if (!_queue.IsEmpty)
        {
            SetDue();
        }
    }

    private void Write()
    {
        lock (_writing)
        {
            try
            {
                while (_queue.TryDequeue(out var logged))
                {
                    Interlocked.Decrement(ref _queued);
                    _formatter.Format(logged, _output);
                }

                _output.Flush();
            }
            catch (Exception exception)
            {
                // A log that cannot be written ends no program; Serilog's own sinks report it to the same place.
                SelfLog.WriteLine("Standard output cannot be written: {0}", exception);
            }
        }
    }
}
