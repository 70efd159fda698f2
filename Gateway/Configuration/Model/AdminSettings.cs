using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Admin</c>: usage and metrics on a separate address. Changes require a restart.</summary>
internal sealed record AdminSettings : ISettings<AdminSettings>
{
    /// <summary>The listening address, such as <c>http://127.0.0.1:9464</c>. Default: none: no admin listener.</summary>
    public string Url { get; init; } = "";

    /// <summary>
    /// The token that requests must send as <c>Authorization: Bearer TOKEN</c>, or a reference to it, <c>env:NAME</c> or <c>file:PATH</c>.
    /// Required unless <see cref="Url"/> is loopback. Default: none.
    /// </summary>
    public string Token { get; init; } = "";

    /// <summary>
    /// The number of requests that are kept in memory for the look-up, from 0 to 1,000,000. 0 keeps none. Default: 10,000.
    /// </summary>
    public int KeepRequests { get; init; } = 10_000;

    /// <inheritdoc/>
    public static AdminSettings Create(SettingsMembers members)
    {
        var defaults = new AdminSettings();
        return new AdminSettings
        {
            Url = members.Text(nameof(Url), defaults.Url),
            Token = members.Secret(nameof(Token), defaults.Token),
            KeepRequests = members.Int32(nameof(KeepRequests), defaults.KeepRequests),
        };
    }
}
