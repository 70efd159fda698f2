using Gateway.Observability;
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

        // The place is free again.
        sink.Emit(Event("next"));
        _time.Advance(ConsoleSink.LongestWait);
        Assert.EndsWith("x;next;", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void OutputThatFails_EndsNothing()
    {
        var disk = new FullDisk();
        using var output = new StreamWriter(disk);
        using var sink = new ConsoleSink(new MessageTemplateTextFormatter("{Message};"), output, _time);
        sink.Emit(Event("lost"));
        _time.Advance(ConsoleSink.LongestWait);
        disk.IsFull = false;
        sink.Emit(Event("found"));
        _time.Advance(ConsoleSink.LongestWait);

        Assert.Equal("found;", System.Text.Encoding.UTF8.GetString(disk.ToArray()));
    }

    private ConsoleSink CreateSink() => new(new MessageTemplateTextFormatter("{Message};"), _output, _time);

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
}
