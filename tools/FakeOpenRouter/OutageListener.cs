using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace FakeOpenRouter;

/// <summary>Accepts connections until an outage begins, during which the port is closed, and again after its end.</summary>
internal sealed class OutageListener : IConnectionListener
{
    private readonly IConnectionListenerFactory _sockets;
    private readonly ConcurrentDictionary<ConnectionContext, bool> _open = [];

    // Their connections may still be ending.
    private readonly ConcurrentBag<IConnectionListener> _closed = [];
    private IConnectionListener _inner;
    private TaskCompletionSource _up = NewSignal();
    private volatile bool _isOver;

    public OutageListener(IConnectionListenerFactory sockets, IConnectionListener inner)
    {
        _sockets = sockets;
        _inner = inner;
        EndPoint = inner.EndPoint;
    }

    public EndPoint EndPoint { get; }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_isOver)
        {
            var up = Volatile.Read(ref _up);
            if (await Volatile.Read(ref _inner).AcceptAsync(cancellationToken) is { } connection)
            {
                _open[connection] = true;
                connection.ConnectionClosed.UnsafeRegister(
                    static (state, _) =>
                    {
                        var (open, connection) = ((ConcurrentDictionary<ConnectionContext, bool>, ConnectionContext))state!;
                        open.TryRemove(connection, out var _);
                    },
                    (_open, connection));
                return connection;
            }

            await up.Task.WaitAsync(cancellationToken);
        }

        return null;
    }

    /// <summary>Closes the port and aborts all connections.</summary>
    public async Task BeginAsync()
    {
        await _inner.UnbindAsync();
        foreach (var connection in _open.Keys)
        {
            connection.Abort();
        }
    }

    /// <summary>Opens the port again.</summary>
    public async Task EndAsync()
    {
        _closed.Add(_inner);
        Volatile.Write(ref _inner, await _sockets.BindAsync(EndPoint));
        Interlocked.Exchange(ref _up, NewSignal()).TrySetResult();
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _isOver = true;
        Volatile.Read(ref _up).TrySetResult();
        return _inner.UnbindAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _inner.DisposeAsync();
        foreach (var listener in _closed)
        {
            await listener.DisposeAsync();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
