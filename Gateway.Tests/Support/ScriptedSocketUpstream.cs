using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Tests.Support;

/// <summary>An upstream for bytes that no well-behaved server sends: a script talks to each connection byte by byte.</summary>
internal sealed class ScriptedSocketUpstream : IAsyncDisposable
{
    private static readonly Socket Refusing = BindOnly();

    private readonly TcpListener _listener;
    private readonly Func<ScriptedConnection, Task> _script;
    private readonly ConcurrentBag<Task> _running = [];
    private readonly ConcurrentQueue<Exception> _faults = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _connections;

    private ScriptedSocketUpstream(Func<ScriptedConnection, Task> script)
    {
        _script = script;
        _listener = new TcpListener(IPAddress.Loopback, 0);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>The base URL for a gateway.</summary>
    public string BaseUrl => $"http://127.0.0.1:{Port}/api/v1";

    /// <summary>Connections accepted so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Starts; the script runs once for each connection, which is closed politely when it returns.</summary>
    public static ScriptedSocketUpstream Start(Func<ScriptedConnection, Task> script) => new(script);

    /// <summary>Answers the first request of every connection with these bytes and closes.</summary>
    public static ScriptedSocketUpstream Answering(string answer)
    {
        return Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync(answer);
        });
    }

    /// <summary>A base URL at which no server listens at any time: the port is bound, so that no server gets it.</summary>
    public static string RefusingBaseUrl => $"http://127.0.0.1:{((IPEndPoint)Refusing.LocalEndPoint!).Port}/api/v1";

    /// <summary>Waits until every connection so far is closed.</summary>
    public Task WhenClosedAsync() => Task.WhenAll(_running);

    /// <summary>Ends every connection and reports the faults of the scripts.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_running);
        _stop.Dispose();
        if (!_faults.IsEmpty)
        {
            throw new AggregateException("A scripted connection failed.", _faults);
        }
    }

    private static Socket BindOnly()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);

                // Noted before the script runs: its answer can reach the test before RunAsync returns.
                var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _running.Add(ended.Task);
                _ = RunAsync(client, Interlocked.Increment(ref _connections), ended);
            }
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task RunAsync(TcpClient client, int number, TaskCompletionSource ended)
    {
        try
        {
            await using var connection = new ScriptedConnection(client, number, _stop.Token);
            await _script(connection);
        }
        catch (Exception left) when (left is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The gateway left, or the test is over.
        }
        catch (Exception fault)
        {
            _faults.Enqueue(fault);
        }
        finally
        {
            ended.SetResult();
        }
    }
}
