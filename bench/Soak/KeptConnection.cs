namespace Soak;

/// <summary>The connection that a client keeps for its next request.</summary>
internal sealed class KeptConnection(int port) : IDisposable
{
    private ClientConnection? _connection;

    public bool IsOpen => _connection is not null;

    /// <summary>The kept connection, or a new one that is kept from now on.</summary>
    public async Task<ClientConnection> GetAsync(CancellationToken cancellationToken) =>
        _connection ??= await ClientConnection.OpenAsync(port, cancellationToken);

    /// <summary>Disconnects: with a reset like a killed client, or in good order.</summary>
    public void Drop(bool reset)
    {
        _connection?.Leave(reset);
        _connection = null;
    }

    public void Dispose() => _connection?.Dispose();
}
