using System.IO.Pipelines;
using FakeOpenRouter;
using Microsoft.AspNetCore.Connections;
using Xunit;

namespace Gateway.Tests.Support;

public sealed class LingerTests
{
    // A request that arrives after the server has ended the connection must not meet a closed socket: the kernel would respond with a reset.
    [Fact]
    public async Task Connection_StaysOpenUntilThePeerClosesIt()
    {
        var toServer = new Pipe();
        var toPeer = new Pipe();
        await using var connection = new DefaultConnectionContext("1", new DuplexPipe(toServer.Reader, toPeer.Writer), application: null!);
        await toServer.Writer.WriteAsync("request"u8.ToArray(), TestContext.Current.CancellationToken);
        var serving = Linger.ServeAsync(
            connection,
            async server =>
            {
                // As Kestrel does: it ends in the middle of a read.
                await server.Transport.Input.ReadAsync();
                await server.Transport.Output.WriteAsync("response"u8.ToArray());
                await server.Transport.Input.CompleteAsync();
                await server.Transport.Output.CompleteAsync();
            },
            HangGuard.Limit);

        var response = await toPeer.Reader.ReadAsync(TestContext.Current.CancellationToken);
        toPeer.Reader.AdvanceTo(response.Buffer.End);
        var late = await toServer.Writer.WriteAsync("late request"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.False(late.IsCompleted);
        Assert.False(response.IsCompleted);
        Assert.False(serving.IsCompleted);

        await toServer.Writer.CompleteAsync();
        await serving;
        Assert.True((await toPeer.Reader.ReadAsync(TestContext.Current.CancellationToken)).IsCompleted);
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
