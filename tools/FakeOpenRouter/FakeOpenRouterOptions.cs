using System.Security.Cryptography.X509Certificates;

namespace FakeOpenRouter;

/// <summary>The options of a scripted OpenRouter.</summary>
internal sealed record FakeOpenRouterOptions
{
    /// <summary>The port on 127.0.0.1; 0 selects a free one.</summary>
    public int Port { get; init; }

    /// <summary>A number in every id, which distinguishes two servers.</summary>
    public long Seed { get; init; } = 1767225600;

    /// <summary>
    /// Whether requests are kept for <c>/__requests</c>. Without it they are only counted, and bodies are drained without recording: the
    /// mode for benchmarks.
    /// </summary>
    public bool Record { get; init; } = true;

    /// <summary>
    /// Whether generations are billed in a book, for <c>/__book</c> and <c>GET /generation</c>. They are always billed if requests are
    /// kept.
    /// </summary>
    public bool Book { get => field || Record; init; }

    /// <summary>
    /// Whether it speaks HTTP/2 and nothing else. Recorded headers then have lower-case names, and lines of one name are beside each other.
    /// </summary>
    public bool Http2 { get; init; }

    /// <summary>
    /// The certificate of HTTPS, over which the client chooses between HTTP/1.1 and HTTP/2; <see langword="null"/> for no TLS.
    /// </summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>The number of streams that an HTTP/2 connection may have at a time. The default is Kestrel's.</summary>
    public int MaxStreams { get; init; } = 100;

    /// <summary>
    /// Whether a flush returns only after its bytes were passed to the socket, so that the book knows exactly whether an id was sent. With it,
    /// Kestrel may drop the last <c>GOAWAY</c> of an HTTP/2 connection.
    /// </summary>
    public bool FlushesToSocket { get; init; } = true;

    /// <summary>The time after its end for which <c>GET /generation</c> does not know a generation, unless its script sets it.</summary>
    public TimeSpan GenerationDelay { get; init; }

    /// <summary>The scenario that is played from the start.</summary>
    public Scenario Scenario { get; init; } = Scenario.None;

    /// <summary>Receives a line for every fault of a scenario that is applied.</summary>
    public Action<string>? Note { get; init; }

    /// <summary>The clock of delays and pauses.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>
    /// The number of bytes of request bodies to keep. Beyond it the oldest bodies are dropped; their length and hash are kept.
    /// </summary>
    public long KeepBodyBytes { get; init; } = 512 * 1024 * 1024;
}
