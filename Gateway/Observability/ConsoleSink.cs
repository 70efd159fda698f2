using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Debugging;
using Serilog.Events;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>
/// Writes log events to standard output in batches, on a timer rather than on the request's thread. Serilog's asynchronous sinks wake a
/// thread for every event, which costs more than scanning a request body.
/// </summary>
internal sealed class ConsoleSink : ILogEventSink, IDisposable
{
    /// <summary>
    /// The capacity of the queue. Further events are dropped, so that a blocked reader of the output does not block requests.
    /// </summary>
    public const int LongestQueue = 10_000;

    /// <summary>The longest time that an event waits for its batch. Too short to be noticed at a terminal.</summary>
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

    /// <summary>Writes the queued events.</summary>
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

        // Reset only after the write: while the reader of the output is blocked, a single thread waits for it.
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
                // A failing log must not end the program. Serilog's own sinks report failures to SelfLog, too.
                SelfLog.WriteLine("Standard output cannot be written: {0}", exception);
            }
        }
    }
}
