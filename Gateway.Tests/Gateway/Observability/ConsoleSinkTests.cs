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
    private readonly StringWriter _output = new();

    public void Dispose() => _output.Dispose();

    [Fact]
    public void Events_AreWrittenTogetherWhenTheWaitIsOver()
    {
        using var sink = CreateSink();
        sink.Emit(Event("one"));
        sink.Emit(Event("two"));
        Assert.Equal("", _output.ToString());

        _time.Advance(ConsoleSink.LongestWait);

        Assert.Equal("one;two;", _output.ToString());
    }

    [Fact]
    public void EventsBehindAWrite_AreWrittenByTheNext()
    {
        using var sink = CreateSink();
        sink.Emit(Event("one"));
        _time.Advance(ConsoleSink.LongestWait);
        sink.Emit(Event("two"));
        _time.Advance(ConsoleSink.LongestWait);

        Assert.Equal("one;two;", _output.ToString());
    }

    [Fact]
    public void Dispose_WritesWhatIsLeft()
    {
        var sink = CreateSink();
        sink.Emit(Event("last"));

        sink.Dispose();

        Assert.Equal("last;", _output.ToString());
    }

    [Fact]
    public void EventsBeyondTheLongestQueue_AreDropped()
    {
        using var sink = CreateSink();
        for (var i = 0; i < ConsoleSink.LongestQueue + 5; i++)
        {
            sink.Emit(Event("x"));
        }

        _time.Advance(ConsoleSink.LongestWait);
        Assert.Equal(ConsoleSink.LongestQueue, _output.ToString().Count(c => c == 'x'));

        Assert.Equal(5, sink.Dropped);

        // The place is free again, and the drops are reported once.
        sink.Emit(Event("next"));
        _time.Advance(ConsoleSink.LongestWait);
        Assert.EndsWith(
            "x;5 log lines were dropped: standard output was not read in time;next;", _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutputThatIsNotRead_DelaysNeitherEventsNorTheEnd(bool isErrorStuck)
    {
        using var output = new StuckOutput();
        var errors = new List<string>();
        var sink = new ConsoleSink(
            new MessageTemplateTextFormatter("{Message};"), output, isErrorStuck ? output.WriteLine : errors.Add, _time);
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
    public void OutputThatFails_EndsNothing()
    {
        var disk = new FullDisk();
        using var output = new StreamWriter(disk);
        using var sink = new ConsoleSink(new MessageTemplateTextFormatter("{Message};"), output, _ => { }, _time);
        sink.Emit(Event("lost"));
        _time.Advance(ConsoleSink.LongestWait);
        disk.IsFull = false;
        sink.Emit(Event("found"));
        _time.Advance(ConsoleSink.LongestWait);

        Assert.Equal(1, sink.Dropped);
        Assert.Equal("found;1 log lines were dropped: standard output was not read in time;", System.Text.Encoding.UTF8.GetString(disk.ToArray()));
    }

    private ConsoleSink CreateSink() => new(new MessageTemplateTextFormatter("{Message};"), _output, _ => { }, _time);

    private static LogEvent Event(string text) =>
        new(DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new MessageTemplateParser().Parse(text), []);

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

        public Task Writing => _writing.Task;

        public void Release() => _isRead.Set();

        public override void Write(char value) => Block();

        public override void Write(string? value) => Block();

        public override void WriteLine(string? value) => Block();

        protected override void Dispose(bool disposing)
        {
            _isRead.Set();
            base.Dispose(disposing);
        }

        private void Block()
        {
            _writing.TrySetResult();
            _isRead.Wait();
        }
    }
}
