namespace Gateway.Configuration.Model;

/// <summary>Section <c>Server:Limits:MinRequestBodyDataRate</c>: a slower upload is answered with 408. Changes require a restart.</summary>
internal sealed record MinRequestBodyDataRateSettings
{
    /// <summary>
    /// The average rate in bytes per second; 0 turns the limit off. Default: 100, since a phone with poor reception is slower than
    /// Kestrel's 240.
    /// </summary>
    public int BytesPerSecond { get; init; } = 100;

    /// <summary>
    /// The time before the rate of a body is checked; more than one second. Default: 30 seconds, enough for a loss of signal in a tunnel.
    /// </summary>
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(30);
}
