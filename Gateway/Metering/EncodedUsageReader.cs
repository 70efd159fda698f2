using System.IO.Compression;

namespace Gateway.Metering;

/// <summary>
/// Reads an answer that upstream has compressed: a copy is decoded as it goes by, within the call that brings the bytes. The client
/// gets what upstream sent.
/// </summary>
/// <remarks>Not thread-safe, and good for one answer.</remarks>
internal sealed class EncodedUsageReader : IResponseReader
{
    /// <summary>How much is decoded of one answer, in bytes; what comes behind it is not read. It bounds what a bomb costs.</summary>
    internal const int MaxDecodedBytes = 64 * 1024 * 1024;

    private const int BufferSize = 8 * 1024;

    private readonly UsageReader _reader;
    private readonly ResponseEncoding _encoding;
    private readonly PushedStream _encoded = new();

    private Stream? _decoder;
    private bool _isOver;

    public EncodedUsageReader(bool isEventStream, ResponseEncoding encoding)
    {
        _reader = new UsageReader(isEventStream);
        _encoding = encoding;
        _isOver = encoding is ResponseEncoding.None or ResponseEncoding.Unknown;
    }

    /// <inheritdoc />
    public ResponseFacts Facts => _reader.Facts;

    /// <inheritdoc />
    public bool IsComplete => _reader.IsComplete;

    /// <inheritdoc />
    public bool HasData => _reader.HasData;

    /// <summary>How much was decoded, in bytes.</summary>
    internal long DecodedBytes { get; private set; }

    /// <inheritdoc />
    public void Read(ReadOnlySpan<byte> bytes)
    {
        if (_isOver || bytes.IsEmpty)
        {
            return;
        }

        if (_decoder is null)
        {
            _decoder = Decode(bytes[0]);
            _ = PumpAsync(_decoder);
        }

        // Whoever waits was run by the call that fed it: it waits again, or it is over.
        while (!bytes.IsEmpty && _encoded.IsWaiting)
        {
            bytes = bytes[_encoded.Feed(bytes)..];
        }

        _isOver |= !_encoded.IsWaiting;
    }

    /// <inheritdoc />
    public void End()
    {
        _encoded.End();
        _isOver = true;
        _reader.End();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _encoded.End();
        _isOver = true;
        _decoder?.Dispose();
    }

    private Stream Decode(byte first)
    {
        return _encoding switch
        {
            ResponseEncoding.Gzip => new GZipStream(_encoded, CompressionMode.Decompress),
            ResponseEncoding.Brotli => new BrotliStream(_encoded, CompressionMode.Decompress),

            // By its name this is zlib's format, but some send what is inside of it: the low half of the first byte tells.
            _ => (first & 0x0F) == 8
                ? new ZLibStream(_encoded, CompressionMode.Decompress)
                : new DeflateStream(_encoded, CompressionMode.Decompress),
        };
    }

    /// <summary>Reads what the decoder makes of the bytes, until it has to wait for more of them.</summary>
    private async Task PumpAsync(Stream decoder)
    {
        var buffer = new byte[BufferSize];
        try
        {
            int count;
            while (DecodedBytes < MaxDecodedBytes
                && (count = await decoder.ReadAsync(buffer).ConfigureAwait(false)) > 0)
            {
                DecodedBytes += count;
                _reader.Read(buffer.AsSpan(0, count));
            }
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException or IOException)
        {
            // Not in this encoding, or cut. What was learnt until then stays.
        }

        _isOver = true;
    }
}
