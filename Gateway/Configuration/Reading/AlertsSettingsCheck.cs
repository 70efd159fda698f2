using System.Globalization;
using Gateway.Configuration.Model;
using Gateway.Secrets;
using Gateway.Teams;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Alerts</c>, and the webhooks of teams. The URL of a webhook is a secret and never quoted.</summary>
internal static class AlertsSettingsCheck
{
    private const int MostThresholds = 20;
    private const int MostDecimals = 4;
    private const string UrlExpected = "expected an absolute http or https URL without user name and fragment";

    /// <summary>Checks the section.</summary>
    /// <param name="given">The section as read.</param>
    /// <param name="teams">The teams; empty if there are none, or none that are valid.</param>
    /// <param name="hasFaults">Whether the settings have faults, so that <paramref name="teams"/> may be incomplete.</param>
    /// <param name="faults">Receives faults and warnings.</param>
    /// <param name="secrets">Resolves references.</param>
    /// <returns>The settings with secrets masked, the webhook and the secret.</returns>
    public static (AlertsSettings Settings, SecretText? Webhook, SecretText? Secret) Check(
        AlertsSettings given, IReadOnlyCollection<Team> teams, bool hasFaults, SettingsFaultCollector faults, SecretReader secrets)
    {
        CheckThresholds(given.BudgetThresholds, faults);
        var webhook = given.Webhook.Length == 0 ? null : ReadWebhook(given.Webhook, nameof(given.Webhook), faults, secrets);
        var secret = given.Secret.Length == 0 ? null : secrets.Read(given.Secret, allowsLiteral: false, nameof(given.Secret), faults);
        if (!hasFaults)
        {
            if (given.Webhook.Length > 0 && teams.Count == 0)
            {
                faults.Warn(nameof(given.Webhook), "has no effect without teams");
            }

            if (given.Secret.Length > 0 && given.Webhook.Length == 0 && !teams.Any(team => team.HasAlertWebhook))
            {
                faults.Warn(nameof(given.Secret), "has no effect without a webhook");
            }
        }

        return (
            given with { Webhook = SettingFormats.Shown(given.Webhook), Secret = SettingFormats.Shown(given.Secret) },
            webhook,
            secret is null ? null : new SecretText(secret));
    }

    /// <summary>Reads the URL of a webhook.</summary>
    /// <returns>The URL; <see langword="null"/> after a fault, or if it does not resolve and need not.</returns>
    public static SecretText? ReadWebhook(string reference, string name, SettingsFaultCollector faults, SecretReader secrets)
    {
        if (secrets.Read(reference, allowsLiteral: false, name, faults) is not { } text)
        {
            return null;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
            || url.UserInfo.Length > 0
            || url.Fragment.Length > 0)
        {
            faults.Fault(name, $"resolves to a text that is no such URL and is not shown; {UrlExpected}");
            return null;
        }

        if (url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback)
        {
            faults.Warn(name, "resolves to an http URL: alerts leave this machine unencrypted; use https");
        }

        return new SecretText(text);
    }

    private static void CheckThresholds(IReadOnlyList<decimal> thresholds, SettingsFaultCollector faults)
    {
        const string Name = nameof(AlertsSettings.BudgetThresholds);
        if (thresholds.Count > MostThresholds)
        {
            faults.Fault(Name, $"has {thresholds.Count} entries; expected at most {MostThresholds}");
        }

        for (var i = 0; i < thresholds.Count; i++)
        {
            var text = thresholds[i].ToString(CultureInfo.InvariantCulture);
            if (thresholds[i] is <= 0 or > 1 || decimal.Round(thresholds[i], MostDecimals) != thresholds[i])
            {
                faults.Fault($"{Name}:{i}", $"got {text}; expected a fraction above 0 and up to 1, with at most {MostDecimals} decimals");
            }
            else if (i > 0 && thresholds[i] <= thresholds[i - 1])
            {
                faults.Fault($"{Name}:{i}", $"got {text} after {thresholds[i - 1].ToString(CultureInfo.InvariantCulture)}; expected ascending fractions");
            }
        }
    }
}
