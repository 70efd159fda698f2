using System.Collections.Concurrent;
using Gateway.Primitives;
using Serilog.Core;
using Serilog.Debugging;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Parsing;

namespace Gateway.Observability;

/// <summary>
/// Writes log events to standard output in batches, on a thread of its own. Serilog's asynchronous sinks wake a thread for every event, which
/// costs more than scanning a request body; a timer wakes a thread of the pool for every batch, which then spins before it sleeps again.
/// </summary>
internal sealed class ConsoleSink : ILogEventSink, IDisposable
{
    /// <summary>
    /// The capacity of the queue. Further events are dropped, so that a blocked reader of the output does not block requests.
    /// </summary>
    public const int LongestQueue = 10_000;

    /// <summary>The longest time that an event waits for its batch. Too short to be noticed at a terminal.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest time that the end of the program waits for the reader of the output.</summary>
    public static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(2);

    private static readonly MessageTemplate LinesDropped =
        new MessageTemplateParser().Parse("{Dropped} log lines were dropped: standard output was not read in time");

    private readonly ITextFormatter _formatter;
    private readonly TextWriter _output;
    private readonly Action<string> _writeError;
    private readonly Func<WaitHandle, bool> _waitOrEnd;
    private readonly TimeProvider _time;
    private readonly AutoResetEvent _due = new(initialState: false);
    private readonly ManualResetEvent _stopping = new(initialState: false);
    private readonly TaskCompletionSource _ended = new();
    private readonly ConcurrentQueue<LogEvent> _queue = new();
    private int _queued;
    private int _isDue;
    private int _isDisposed;
    private long _dropped;

    // Used by the thread that writes.
    private long _reported;

    /// <summary>Starts the thread.</summary>
    /// <param name="formatter">Formats the events.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="writeError">Receives one line at the end if standard output is not read any more. May block.</param>
    /// <param name="waitOrEnd">
    /// The wait of the first event of a batch for others: ends after <see cref="LongestWait"/>, or when the handle is set, which it returns.
    /// </param>
    /// <param name="time">The clock of the end, and of events about dropped lines.</param>
    public ConsoleSink(
        ITextFormatter formatter, TextWriter output, Action<string> writeError, Func<WaitHandle, bool> waitOrEnd, TimeProvider time)
    {
        _formatter = formatter;
        _output = output;
        _writeError = writeError;
        _waitOrEnd = waitOrEnd;
        _time = time;
        new Thread(Run) { IsBackground = true, Name = "Log" }.Start();
    }

    /// <summary>The wait for other events of a batch.</summary>
    public static bool WaitOrEnd(WaitHandle stopping) => stopping.WaitOne(LongestWait);

    /// <summary>The number of events that were dropped: the queue was full, or the output failed.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void Emit(LogEvent logEvent)
    {
        if (Interlocked.Increment(ref _queued) > LongestQueue)
        {
            Interlocked.Decrement(ref _queued);
            Interlocked.Increment(ref _dropped);
            return;
        }

        _queue.Enqueue(logEvent);
        if (Interlocked.Exchange(ref _isDue, 1) == 0)
        {
            _due.Set();
        }
    }

    /// <summary>Writes the queued events, unless the output is not read: a write to it may block for ever.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        _stopping.Set();
        if (!EndsInTime(_ended.Task))
        {
            Interlocked.Add(ref _dropped, Volatile.Read(ref _queued));

            // Standard error may be the same pipe. A thread of its own: those of the pool may all be busy at the end, and this one must not
            // keep the process from ending.
            EndsInTime(Task.Factory.StartNew(
                () => _writeError($"Standard output is not read; {Dropped} log lines were dropped."),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default));
        }
    }

    private bool EndsInTime(Task writing)
    {
        try
        {
            writing.WaitAsync(LongestEnd, _time).GetAwaiter().GetResult();
            return true;
        }
        catch (Exception exception) when (exception is TimeoutException or IOException)
        {
            return false;
        }
    }

    private void Run()
    {
        WaitHandle[] events = [_stopping, _due];
        while (WaitHandle.WaitAny(events) != 0 && !_waitOrEnd(_stopping))
        {
            // Before the write: an event that it does not see makes the next batch due. A plain store could become visible only after the queue
            // is read.
            Interlocked.Exchange(ref _isDue, 0);
            Write();
        }

        Write();
        _ended.SetResult();
    }

    private void Write()
    {
        var taken = 0;
        try
        {
            while (_queue.TryDequeue(out var logged))
            {
                taken++;
                Interlocked.Decrement(ref _queued);
                _formatter.Format(logged, _output);
            }

            var dropped = Dropped;
            if (dropped > _reported)
            {
                _formatter.Format(DroppedEvent(dropped - _reported), _output);
            }

            _output.Flush();
            _reported = dropped;
        }
        catch (Exception exception)
        {
            Interlocked.Add(ref _dropped, taken);

            // A failing log must not end the program. Serilog's own sinks report failures to SelfLog, too.
            SelfLog.WriteLine("Standard output cannot be written: {0}", exception);
        }
    }

    private LogEvent DroppedEvent(long count) => new(
        _time.GetUtcNow(),
        LogEventLevel.Warning,
        exception: null,
        LinesDropped,
        [
            new LogEventProperty("Dropped", new ScalarValue(count)),
            new LogEventProperty("SourceContext", new ScalarValue(typeof(ConsoleSink).FullName)),
            new LogEventProperty("EventId", new StructureValue(
            [
                new LogEventProperty("Id", new ScalarValue(LogEvents.LinesDropped)),
                new LogEventProperty("Name", new ScalarValue(nameof(LogEvents.LinesDropped))),
            ])),
        ]);
}
