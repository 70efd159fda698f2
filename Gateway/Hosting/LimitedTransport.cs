using System.Net;
using Gateway.Requests;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Hosting;

/// <summary>
/// Closes connections above the limit of a <see cref="ConnectionGate"/> before the next one is accepted, so that a flood of connections
/// needs one file descriptor more than the limit. Kestrel's own limit closes them later, while it accepts on. The listener's first
/// middleware must call <see cref="ConnectionGate.Exit"/>.
/// </summary>
internal sealed class LimitedTransport : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly IConnectionListenerFactory _inner;
    private readonly ConnectionGate _gate;

    public LimitedTransport(IConnectionListenerFactory inner, ConnectionGate gate)
    {
        _inner = inner;
        _gate = gate;
    }

    public bool CanBind(EndPoint endpoint) => (_inner as IConnectionListenerFactorySelector)?.CanBind(endpoint) ?? true;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await _inner.BindAsync(endpoint, cancellationToken), _gate);

    private sealed class Listener(IConnectionListener inner, ConnectionGate gate) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await inner.AcceptAsync(cancellationToken) is { } connection)
            {
                if (gate.TryEnter())
                {
                    return connection;
                }

                connection.Abort(new ConnectionAbortedException("All connections are in use."));
                await connection.DisposeAsync();
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
