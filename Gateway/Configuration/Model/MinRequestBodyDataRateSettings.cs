namespace Gateway.Configuration.Model;

/// <summary>
/// Section <c>Server:Limits:MinRequestBodyDataRate</c>: below this rate an upload is answered with 408. At a restart only.
/// </summary>
internal sealed record MinRequestBodyDataRateSettings
{
    /// <summary>
    /// Bytes a second on average; 0 takes the limit away. Default 100: a phone at the edge of its cell is slower than Kestrel's 240.
    /// </summary>
    public int BytesPerSecond { get; init; } = 100;

    /// <summary>How long a body may take before its rate counts; more than a second. Default 30 seconds, enough for a tunnel.</summary>
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(30);
}
