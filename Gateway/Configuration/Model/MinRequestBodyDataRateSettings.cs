using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Server:Limits:MinRequestBodyDataRate</c>: a slower upload is answered with 408. Changes require a restart.</summary>
internal sealed record MinRequestBodyDataRateSettings : ISettings<MinRequestBodyDataRateSettings>
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

    /// <inheritdoc/>
    public static MinRequestBodyDataRateSettings Create(SettingsMembers members)
    {
        var defaults = new MinRequestBodyDataRateSettings();
        return new MinRequestBodyDataRateSettings
        {
            BytesPerSecond = members.Int32(nameof(BytesPerSecond), defaults.BytesPerSecond),
            GracePeriod = members.Duration(nameof(GracePeriod), defaults.GracePeriod),
        };
    }
}
