using System.Buffers.Binary;
using Npgsql;

namespace Gateway.Ledger.Postgres;

/// <summary>
/// Registers this process as alive with other nodes on the same database: a dedicated connection holds an advisory lock, which the server
/// releases when the connection ends. A lost connection is opened again. Meanwhile other nodes may adopt this node's open rows, which is
/// harmless: a later entry still settles an unresolvable row. The lock needs its own session, so a transaction pooler must not be in
/// between.
/// </summary>
internal sealed class PostgresNode : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _source;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private NpgsqlConnection? _connection;
    private Task _watching = Task.CompletedTask;
    private bool _isDisposed;

    /// <param name="connectionString">The database's connection string; the connection is not pooled.</param>
    /// <param name="time">The clock.</param>
    public PostgresNode(string connectionString, TimeProvider time)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        var source = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);
        source.EnableTransportSecurity();
        _source = source.Build();
        _time = time;
    }

    /// <summary>The id of this process in the rows that it creates.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    /// <summary>The key of a node's advisory lock.</summary>
    public static long LockOf(Guid node)
    {
        var bytes = LedgerKeys.ToBytes(node);
        return BinaryPrimitives.ReadInt64BigEndian(bytes) ^ BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(sizeof(long)));
    }

    /// <summary>Takes the lock, and starts to monitor its connection.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await LockAsync(cancellationToken);
        _watching = WatchAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _stopping.CancelAsync();
        await _watching;
        await CloseAsync();
        await _source.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                try
                {
                    if (_connection is null)
                    {
                        await LockAsync(_stopping.Token);
                    }
                    else
                    {
                        await using var alive = new NpgsqlCommand("SELECT 1", _connection);
                        await alive.ExecuteScalarAsync(_stopping.Token);
                    }
                }
#pragma warning disable CA1031 // Any exception, including a timeout's OperationCanceledException: without a retry the node counts as dead.
                catch (Exception) when (!_stopping.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    // The writer logs the failure of the database.
                    await CloseAsync();
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The store is closing.
        }
    }

    private async Task LockAsync(CancellationToken cancellationToken)
    {
        var connection = _source.CreateConnection();
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = LockOf(Id) });
            if (await command.ExecuteScalarAsync(cancellationToken) is not true)
            {
                // The server has not detected the loss of the previous connection yet, which still holds the lock. The next tick retries.
                throw new LedgerException("The lock of this node is held by its previous connection");
            }

            _connection = connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }
}
