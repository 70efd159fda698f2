using Gateway.Configuration;
using Gateway.Secrets;

namespace Gateway.Alerts;

/// <summary>Which webhook receives an alert.</summary>
internal static class AlertWebhooks
{
    /// <summary>Whether the settings have any webhook.</summary>
    public static bool HasAny(SettingsSnapshot settings) =>
        settings.AlertWebhook is not null || settings.Teams.Teams.Any(static team => team.AlertWebhook is not null);

    /// <summary>
    /// The webhook of an alert: for a budget the team's own before the general one; for an OpenRouter key, which is the operator's, the
    /// general one before the team's.
    /// </summary>
    /// <returns>The URL; <see langword="null"/> if there is none, or the team does not exist any more and there is no general one.</returns>
    public static SecretText? Find(SettingsSnapshot settings, AlertKind kind, string team)
    {
        var own = settings.Teams.TryGet(team, out var found) ? found.AlertWebhook : null;
        return kind == AlertKind.UpstreamKeyRejected ? settings.AlertWebhook ?? own : own ?? settings.AlertWebhook;
    }
}
