using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests.Support;

/// <summary>
/// A server on one port of two addresses, which answers with the address that its connection was made to. It holds the answer to
/// <c>/held</c> until it is released.
/// </summary>
internal sealed class AddressUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AddressUpstream(WebApplication app, int port)
    {
        _app = app;
        Port = port;
    }

    /// <summary>The port on both addresses.</summary>
    public int Port { get; }

    /// <summary>Completes when the request to <c>/held</c> has arrived.</summary>
    public Task Held => _held.Task;

    public static async Task<AddressUpstream> StartAsync(HttpProtocols protocol, IPAddress first, IPAddress second)
    {
        int port;
        using (var claim = LoopbackPort.Claim())
        {
            port = claim.Number;
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(first, port, listen => listen.Protocols = protocol);
            kestrel.Listen(second, port, listen => listen.Protocols = protocol);
        });
        builder.Logging.ClearProviders();
        var upstream = new AddressUpstream(builder.Build(), port);
        upstream._app.Run(upstream.AnswerAsync);
        await upstream._app.StartAsync();
        return upstream;
    }

    /// <summary>Lets the request to <c>/held</c> be answered.</summary>
    public void Release() => _release.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/held")
        {
            _held.TrySetResult();
            await _release.Task.WaitAsync(context.RequestAborted);
        }

        await context.Response.WriteAsync(context.Connection.LocalIpAddress!.ToString());
    }
}
