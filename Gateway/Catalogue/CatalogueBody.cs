using System.Buffers;
using System.IO.Compression;
using Gateway.Metering;

namespace Gateway.Catalogue;

/// <summary>The decoded bytes of a list of models, in pooled memory that <see cref="CatalogueMemory"/> counts until it is disposed.</summary>
internal sealed class CatalogueBody : IDisposable
{
    /// <summary>The size limit of a list, decoded. OpenRouter's list has one to two megabytes.</summary>
    public const int MaxSize = 8 * 1024 * 1024;

    private const int FirstSize = 512 * 1024;

    private readonly CatalogueMemory _memory;
    private readonly string _team;
    private byte[] _buffer = [];
    private int _length;
    private long _taken;

    private CatalogueBody(CatalogueMemory memory, string team)
    {
        _memory = memory;
        _team = team;
    }

    /// <summary>The bytes, without a byte order mark.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>Reads and decodes a list.</summary>
    /// <param name="stream">The body as upstream sends it.</param>
    /// <param name="encodings">Its <c>Content-Encoding</c>.</param>
    /// <param name="memory">Counts the memory.</param>
    /// <param name="team">The team that the list is for.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    /// <exception cref="InvalidDataException">The encoding is unknown or damaged, or the list is too large.</exception>
    /// <exception cref="CatalogueMemoryException">The lists that are edited at the moment leave no room.</exception>
    public static async Task<CatalogueBody> ReadAsync(
        Stream stream, ICollection<string> encodings, CatalogueMemory memory, string team, CancellationToken cancellationToken)
    {
        await using Stream? decoder = ResponseReaders.EncodingOf(encodings) switch
        {
            ResponseEncoding.None => null,
            ResponseEncoding.Gzip => new GZipStream(stream, CompressionMode.Decompress),
            ResponseEncoding.Brotli => new BrotliStream(stream, CompressionMode.Decompress),
            ResponseEncoding.Deflate => new ZLibStream(stream, CompressionMode.Decompress),
            _ => throw new InvalidDataException("its Content-Encoding is unknown"),
        };
        var body = new CatalogueBody(memory, team);
        try
        {
            await body.FillAsync(decoder ?? stream, cancellationToken);
            return body;
        }
        catch (InvalidOperationException fault)
        {
            // The Brotli decoder's exception for damaged data.
            body.Dispose();
            throw new InvalidDataException("it is not encoded as its Content-Encoding says", fault);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Counts memory for edits of the list.</summary>
    /// <exception cref="CatalogueMemoryException">There is no room.</exception>
    public void Take(long bytes)
    {
        if (!_memory.TryTake(_team, bytes))
        {
            throw new CatalogueMemoryException();
        }

        _taken += bytes;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        var (buffer, taken) = (_buffer, _taken);
        (_buffer, _taken, Bytes) = ([], 0, default);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        if (taken > 0)
        {
            _memory.Return(_team, taken);
        }
    }

    private async Task FillAsync(Stream stream, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_length == _buffer.Length)
            {
                Grow();
            }

            var count = await stream.ReadAsync(_buffer.AsMemory(_length), cancellationToken);
            if (count == 0)
            {
                break;
            }

            _length += count;
            if (_length > MaxSize)
            {
                throw new InvalidDataException($"it is larger than {MaxSize} bytes");
            }
        }

        var mark = _buffer.AsSpan(0, _length).StartsWith("\uFEFF"u8) ? 3 : 0;
        Bytes = _buffer.AsMemory(mark, _length - mark);
    }

    // While the bytes are copied both buffers exist. The smaller one is not counted.
    private void Grow()
    {
        var size = _buffer.Length == 0 ? FirstSize : 2 * _buffer.Length;
        Take(size - _buffer.Length);
        var larger = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = larger;
    }
}
