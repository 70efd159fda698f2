namespace Soak.Chaos;

/// <summary>A generation in the book of an upstream.</summary>
internal sealed record BookedCall
{
    public required string Id { get; init; }

    /// <summary>The id of the call.</summary>
    public required string ScriptId { get; init; }

    /// <summary>The cost in pico-dollars.</summary>
    public required long Cost { get; init; }

    /// <summary>Whether it is billed; errors are not.</summary>
    public required bool IsBilled { get; init; }

    /// <summary>How often its bill was asked for.</summary>
    public required int Questions { get; init; }

    /// <summary>Whether the response is an event stream.</summary>
    public required bool Streams { get; init; }

    /// <summary>Whether the script broke the response off.</summary>
    public required bool Failed { get; init; }

    /// <summary>The number of text events of the whole stream.</summary>
    public required int Words { get; init; }

    /// <summary>The text of the whole response.</summary>
    public string Text => Streams ? string.Concat(Enumerable.Repeat(" word", Words)) : "Hello from the scripted upstream.";
}
