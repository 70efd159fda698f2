namespace Soak.Chaos;

/// <summary>A call as its client saw it.</summary>
internal sealed record ChaosCall
{
    /// <summary>The fault of a call without one; episodes do not touch it, outages do.</summary>
    public const string None = "none";

    /// <summary>The fault of a call that meets the episodes of its destinations.</summary>
    public const string Episodes = "episodes";

    /// <summary>The fault of a call whose client disconnects.</summary>
    public const string Leave = "leave";

    /// <summary>The id (<c>x-fake-id</c>): fault, client, number.</summary>
    public required string Id { get; init; }

    public required string Fault { get; init; }

    /// <summary>The endpoint: 0 chat, 1 responses, 2 messages, 3 completions, 4 embeddings.</summary>
    public required int Endpoint { get; init; }

    public required bool Streams { get; init; }

    /// <summary>Whether upstream is reached by HTTP/2.</summary>
    public required bool IsHttp2 { get; init; }

    public Answer Answer { get; init; } = Answer.None;

    public TimeSpan Took { get; init; }

    /// <summary>Whether the client gave up waiting.</summary>
    public bool Hangs { get; init; }

    /// <summary>Whether the gateway was killed meanwhile.</summary>
    public bool WasKilled { get; init; }

    /// <summary>Whether a destination was down or left alone meanwhile.</summary>
    public bool MetOutage { get; init; }

    /// <summary>The team, of which every client has its own.</summary>
    public static int TeamOf(string id) => int.Parse(id.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture);

    public static string FaultOf(string id) => id.Split('.')[0];
}
