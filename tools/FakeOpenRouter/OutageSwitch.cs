using System.Net;
using Microsoft.AspNetCore.Connections;

namespace FakeOpenRouter;

/// <summary>Turns the server's port off and on.</summary>
internal sealed class OutageSwitch : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private OutageListener? _listener;

    /// <summary>Whether connections are refused.</summary>
    public bool IsDown { get; private set; }

    /// <summary>Wraps the factory of the server's listener.</summary>
    public IConnectionListenerFactory Wrap(IConnectionListenerFactory sockets) => new Factory(this, sockets);

    /// <summary>Refuses connections from now on, or accepts them again.</summary>
    public async Task SetAsync(bool isDown)
    {
        await _turn.WaitAsync();
        try
        {
            if (isDown != IsDown && _listener is { } listener)
            {
                IsDown = isDown;
                await (isDown ? listener.BeginAsync() : listener.EndAsync());
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private sealed class Factory(OutageSwitch owner, IConnectionListenerFactory sockets) : IConnectionListenerFactory
    {
        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
        {
            return owner._listener = new OutageListener(sockets, await sockets.BindAsync(endpoint, cancellationToken));
        }
    }
}
