using System.IO.Compression;

namespace Gateway.Metering;

/// <summary>
/// Reads the facts from a compressed response. Decodes a copy of the bytes inline, within the call that delivers them. The client receives
/// the original bytes.
/// </summary>
/// <remarks>Not thread-safe; reads one response.</remarks>
internal sealed class EncodedUsageReader : IResponseReader
{
    /// <summary>
    /// The limit of decoded bytes per response, against decompression bombs. Bytes beyond it are read only as long as the generation has no
    /// id: then the bill can be found nowhere else. Nothing of the response is kept in either case.
    /// </summary>
    internal const int MaxDecodedBytes = 64 * 1024 * 1024;

    private const int BufferSize = 8 * 1024;

    private readonly UsageReader _reader;
    private readonly ResponseEncoding _encoding;
    private readonly PushedStream _encoded = new();

    private Stream? _decoder;
    private bool _isOver;
    private bool _isNamed;

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
    public bool IsEventStream => _reader.IsEventStream;

    /// <inheritdoc />
    public bool HasData => _reader.HasData;

    /// <inheritdoc />
    public bool HasContent => _reader.HasContent;

    /// <inheritdoc />
    public bool IsCostInterim => _reader.IsCostInterim;

    /// <inheritdoc />
    public bool HasTextBehindUsage => _reader.HasTextBehindUsage;

    /// <inheritdoc />
    public long PassedTokens => _reader.PassedTokens;

    /// <summary>The number of decoded bytes.</summary>
    internal long DecodedBytes { get; private set; }

    /// <inheritdoc />
    public void NoteNamed() => _isNamed = true;

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

        // The decoder runs inline. After each call it waits for more bytes, or it has finished.
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

            // deflate means zlib's format, but some servers send the raw format. The low four bits of the first byte distinguish them.
            _ => (first & 0x0F) == 8
                ? new ZLibStream(_encoded, CompressionMode.Decompress)
                : new DeflateStream(_encoded, CompressionMode.Decompress),
        };
    }

    /// <summary>Reads the decoder's output until the decoder needs more input.</summary>
    private async Task PumpAsync(Stream decoder)
    {
        var buffer = new byte[BufferSize];
        try
        {
            int count;
            while ((DecodedBytes < MaxDecodedBytes || !_isNamed)
                && (count = await decoder.ReadAsync(buffer).ConfigureAwait(false)) > 0)
            {
                DecodedBytes += count;
                _reader.Read(buffer.AsSpan(0, count));
            }
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException or IOException)
        {
            // The bytes do not have this encoding, or are truncated. The facts that were already read are kept.
        }

        _isOver = true;
    }
}
