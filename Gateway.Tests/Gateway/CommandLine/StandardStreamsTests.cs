using Gateway.CommandLine;
using Xunit;

namespace Gateway.Tests.Gateway.CommandLine;

/// <summary>Promise: no text stops the log, and a failing standard error changes no exit code.</summary>
public sealed class StandardStreamsTests
{
    [Fact]
    public void LoneSurrogate_IsReplaced_AndLaterTextIsWritten()
    {
        using var bytes = new MemoryStream();
        using var output = StandardStreams.Output(bytes);
        output.Write("a\ud800b\n");
        output.Flush();
        output.Write("later\n");
        output.Flush();

        Assert.Equal("a\ufffdb\nlater\n"u8.ToArray(), bytes.ToArray());
    }

    [Fact]
    public async Task FailingStandardError_IsIgnored()
    {
        await using var error = StandardStreams.Error(new FullWriter());

        await error.WriteLineAsync("a fault");
        await error.WriteLineAsync("another");
        await error.FlushAsync(TestContext.Current.CancellationToken);
    }

    private sealed class FullWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("No space left on device");

        public override void Flush() => throw new IOException("No space left on device");
    }
}
