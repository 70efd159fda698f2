namespace FakeOpenRouter;

/// <summary>How a scripted OpenRouter is started.</summary>
internal sealed record FakeOpenRouterOptions
{
    /// <summary>The port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>The number in every id, so that two servers can be told apart.</summary>
    public long Seed { get; init; } = 1767225600;

    /// <summary>
    /// Whether requests are kept for <c>/__requests</c>. Without it they are only counted, and bodies are drained unseen: that is
    /// the mode for benchmarks.
    /// </summary>
    public bool Record { get; init; } = true;

    /// <summary>
    /// Whether generations are billed in a book, for <c>/__book</c> and <c>GET /generation</c>. They always are when requests are kept.
    /// </summary>
    public bool Book { get => field || Record; init; }

    /// <summary>How long after its end <c>GET /generation</c> does not know a generation, unless its script says.</summary>
    public TimeSpan GenerationDelay { get; init; }

    /// <summary>The clock of delays and pauses.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How many bytes of request bodies are kept; beyond it the oldest bodies go, their length and hash stay.</summary>
    public long KeepBodyBytes { get; init; } = 512 * 1024 * 1024;
}
