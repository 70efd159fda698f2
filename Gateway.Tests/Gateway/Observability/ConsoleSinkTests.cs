using Gateway.Observability;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Serilog.Events;
using Serilog.Formatting.Display;
using Serilog.Parsing;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

public sealed class ConsoleSinkTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly LockedOutput _output = new();

    public void Dispose() => _output.Dispose();

    [Fact]
    public async Task Events_WaitForTheirBatch_AndAreWrittenTogether()
    {
        using var over = new ManualResetEvent(initialState: false);
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var sink = CreateSink(stopping =>
        {
            waiting.TrySetResult();
            return WaitHandle.WaitAny([stopping, over]) == 0;
        });
        sink.Emit(Event("one"));
        await waiting.Task.GuardAsync();
        sink.Emit(Event("two"));
        Assert.Equal("", _output.Text);

        over.Set();

        await Eventually.TrueAsync(() => _output.Flushes == 1, "the batch");
        Assert.Equal("one;two;", _output.Text);
    }

    [Fact]
    public void WaitOrEnd_EndsByItself_AndAtTheEnd()
    {
        using var stopping = new ManualResetEvent(initialState: false);
        Assert.False(ConsoleSink.WaitOrEnd(stopping));

        stopping.Set();
        Assert.True(ConsoleSink.WaitOrEnd(stopping));
    }

    [Fact]
    public async Task EventsBehindAWrite_AreWrittenByTheNext()
    {
        using var sink = CreateSink(AtOnce);
        sink.Emit(Event("one"));
        await Eventually.TrueAsync(() => _output.Flushes == 1, "the first batch");
        sink.Emit(Event("two"));
        await Eventually.TrueAsync(() => _output.Flushes == 2, "the second batch");

        Assert.Equal("one;two;", _output.Text);
    }

    [Fact]
    public async Task EventAtTheEndOfAWrite_IsWrittenByTheNext()
    {
        var flushing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var isFlushed = new ManualResetEventSlim();
        _output.Flushing = () =>
        {
            flushing.TrySetResult();
            isFlushed.Wait();
        };
        using var sink = CreateSink(AtOnce);
        try
        {
            sink.Emit(Event("one"));
            await flushing.Task.GuardAsync();
            sink.Emit(Event("two"));
        }
        finally
        {
            isFlushed.Set();
        }

        await Eventually.TrueAsync(() => _output.Flushes == 2, "the second batch");
        Assert.Equal("one;two;", _output.Text);
    }

    [Fact]
    public void Dispose_WritesWhatIsLeft()
    {
        var sink = CreateSink(NotBeforeTheEnd);
        sink.Emit(Event("last"));

        sink.Dispose();

        Assert.Equal("last;", _output.Text);
    }

    [Fact]
    public void EventsBeyondTheLongestQueue_AreDropped()
    {
        using var sink = CreateSink(NotBeforeTheEnd);
        for (var i = 0; i < ConsoleSink.LongestQueue + 5; i++)
        {
            sink.Emit(Event("x"));
        }

        Assert.Equal(5, sink.Dropped);
        sink.Dispose();

        Assert.Equal(ConsoleSink.LongestQueue, _output.Text.Count(c => c == 'x'));
        Assert.EndsWith("x;5 log lines were dropped: standard output was not read in time;", _output.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task QueueThatWasFull_TakesEventsAgain_AndItsDropsAreReportedOnce()
    {
        using var output = new StuckOutput();
        using var sink = new ConsoleSink(new MessageTemplateTextFormatter("{Message};"), output, _ => { }, AtOnce, _time);
        try
        {
            sink.Emit(Event("first"));
            await output.Writing.GuardAsync();
            for (var i = 0; i < ConsoleSink.LongestQueue + 5; i++)
            {
                sink.Emit(Event("x"));
            }
        }
        finally
        {
            output.Release();
        }

        // The first event, those of the queue, and the line about the others.
        await Eventually.TrueAsync(() => output.Written == ConsoleSink.LongestQueue + 2, "the events of the queue");
        sink.Emit(Event("next"));
        await Eventually.TrueAsync(() => output.Written == ConsoleSink.LongestQueue + 3, "the next event");

        Assert.Equal(5, sink.Dropped);
        sink.Dispose();
        Assert.Equal(ConsoleSink.LongestQueue + 3, output.Written);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutputThatIsNotRead_DelaysNeitherEventsNorTheEnd(bool isErrorStuck)
    {
        using var output = new StuckOutput();
        var errors = new List<string>();
        var sink = new ConsoleSink(
            new MessageTemplateTextFormatter("{Message};"), output, isErrorStuck ? output.WriteLine : errors.Add, NotBeforeTheEnd, _time);
        for (var i = 0; i < ConsoleSink.LongestQueue + 5; i++)
        {
            sink.Emit(Event("x"));
        }

        var ending = Task.Run(sink.Dispose, TestContext.Current.CancellationToken);
        await output.Writing.GuardAsync();
        await Eventually.InStepsAsync(
            () =>
            {
                // Only the wait for the output needs time; the line about the dropped events has as long as it takes.
                if (isErrorStuck || sink.Dropped == 5)
                {
                    _time.Advance(ConsoleSink.LongestEnd);
                }

                return ending.IsCompleted;
            },
            "the end of the sink");

        // One event is in the write that is stuck.
        Assert.Equal(5 + ConsoleSink.LongestQueue - 1, sink.Dropped);
        Assert.Equal(isErrorStuck ? [] : [$"Standard output is not read; {sink.Dropped} log lines were dropped."], errors);
        output.Release();
    }

    [Fact]
    public async Task OutputThatFails_EndsNothing()
    {
        var disk = new FullDisk();
        using var output = new StreamWriter(disk);
        using var sink = new ConsoleSink(new MessageTemplateTextFormatter("{Message};"), output, _ => { }, AtOnce, _time);
        sink.Emit(Event("lost"));
        await Eventually.TrueAsync(() => sink.Dropped == 1, "the failed write");
        disk.IsFull = false;
        sink.Emit(Event("found"));
        sink.Dispose();

        Assert.Equal(1, sink.Dropped);
        Assert.Equal("found;1 log lines were dropped: standard output was not read in time;", System.Text.Encoding.UTF8.GetString(disk.ToArray()));
    }

    private static bool AtOnce(WaitHandle stopping) => stopping.WaitOne(TimeSpan.Zero);

    private static bool NotBeforeTheEnd(WaitHandle stopping) => stopping.WaitOne();

    private ConsoleSink CreateSink(Func<WaitHandle, bool> waitOrEnd) =>
        new(new MessageTemplateTextFormatter("{Message};"), _output, _ => { }, waitOrEnd, _time);

    private static LogEvent Event(string text) =>
        new(DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new MessageTemplateParser().Parse(text), []);

    /// <summary>A writer that another thread may read.</summary>
    private sealed class LockedOutput : StringWriter
    {
        private readonly Lock _gate = new();
        private int _flushes;

        public int Flushes => Volatile.Read(ref _flushes);

        /// <summary>Runs before a flush counts.</summary>
        public Action Flushing { get; set; } = () => { };

        public string Text
        {
            get
            {
                lock (_gate)
                {
                    return ToString();
                }
            }
        }

        public override void Write(char value)
        {
            lock (_gate)
            {
                base.Write(value);
            }
        }

        public override void Write(string? value)
        {
            lock (_gate)
            {
                base.Write(value);
            }
        }

        public override void Flush()
        {
            Flushing();
            Interlocked.Increment(ref _flushes);
        }
    }

    private sealed class FullDisk : MemoryStream
    {
        public bool IsFull { get; set; } = true;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (IsFull)
            {
                throw new IOException("No space left on device");
            }

            base.Write(buffer);
        }
    }

    /// <summary>A writer whose reader is stuck: the first write does not return before <see cref="Release"/>.</summary>
    private sealed class StuckOutput : StringWriter
    {
        private readonly TaskCompletionSource _writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _isRead = new();
        private int _written;

        /// <summary>The number of events written.</summary>
        public int Written => Volatile.Read(ref _written);

        public Task Writing => _writing.Task;

        public void Release() => _isRead.Set();

        public override void Write(char value) => Block(value is ';');

        public override void Write(string? value) => Block(value is [.., ';']);

        public override void WriteLine(string? value) => Block(isEnd: true);

        protected override void Dispose(bool disposing)
        {
            _isRead.Set();
            base.Dispose(disposing);
        }

        private void Block(bool isEnd)
        {
            _writing.TrySetResult();
            _isRead.Wait();
            if (isEnd)
            {
                Interlocked.Increment(ref _written);
            }
        }
    }
}
