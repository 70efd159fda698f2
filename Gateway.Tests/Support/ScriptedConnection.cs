using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>One connection of a <see cref="ScriptedSocketUpstream"/>.</summary>
internal sealed class ScriptedConnection : IAsyncDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private readonly List<byte> _unread = [];
    private readonly byte[] _buffer = new byte[16 * 1024];

    public ScriptedConnection(TcpClient client, int number, CancellationToken stopping)
    {
        _client = client;
        _client.NoDelay = true;
        _stream = client.GetStream();
        Number = number;
        Stopping = stopping;
    }

    /// <summary>Counts from 1.</summary>
    public int Number { get; }

    /// <summary>Set when the test is over.</summary>
    public CancellationToken Stopping { get; }

    /// <summary>Reads a request's head, the empty line included.</summary>
    public async Task<string> ReadHeadAsync()
    {
        while (true)
        {
            var end = Encoding.Latin1.GetString([.. _unread]).IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                return Encoding.Latin1.GetString(Take(end + 4));
            }

            await FillAsync();
        }
    }

    /// <summary>Reads a whole request: its head, and a body with Content-Length.</summary>
    public async Task<(string Head, byte[] Body)> ReadRequestAsync()
    {
        var head = await ReadHeadAsync();
        var length = head.Split("\r\n")
            .Where(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
            .Select(line => int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture))
            .SingleOrDefault();
        while (_unread.Count < length)
        {
            await FillAsync();
        }

        return (head, Take(length));
    }

    /// <summary>Reads a number of bytes.</summary>
    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        while (_unread.Count < count)
        {
            await FillAsync();
        }

        return Take(count);
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes, Stopping);

    /// <summary>Sends one chunk of a chunked body.</summary>
    public Task SendChunkAsync(string text)
    {
        return SendAsync($"{Encoding.UTF8.GetByteCount(text).ToString("x", CultureInfo.InvariantCulture)}\r\n{text}\r\n");
    }

    /// <summary>Ends the connection with a reset, which drops the bytes that the peer has not read yet: the test waits for this read first.</summary>
    public void Reset()
    {
        _client.Client.LingerState = new LingerOption(true, 0);
        _client.Client.Close();
    }

    /// <summary>Returns when the peer has closed or reset the connection.</summary>
    public async Task WaitForCloseAsync()
    {
        try
        {
            while (true)
            {
                await FillAsync();
            }
        }
        catch (IOException)
        {
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return _stream.DisposeAsync();
    }

    private async Task FillAsync()
    {
        var read = await _stream.ReadAsync(_buffer, Stopping);
        if (read == 0)
        {
            throw new EndOfStreamException("The peer closed the connection.");
        }

        _unread.AddRange(_buffer.AsSpan(0, read));
    }

    private byte[] Take(int count)
    {
        byte[] bytes = [.. _unread.Take(count)];
        _unread.RemoveRange(0, count);
        return bytes;
    }
}
