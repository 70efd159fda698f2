using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Ledger;

namespace Gateway.Health;

/// <summary>
/// Whether the gateway accepts new requests: from its start until a stop is requested, unless the ledger has not been opened yet and calls of
/// teams are refused for that.
/// </summary>
internal sealed class Readiness(IHostApplicationLifetime lifetime, SettingsStore settings, LedgerWriter ledger)
{
    /// <summary>The <see cref="Status"/> of a gateway that accepts requests.</summary>
    public const string Ready = "ready";

    public bool IsReady => Status == Ready;

    /// <summary>The state, as a word for the probe's response.</summary>
    public string Status =>
        lifetime.ApplicationStopping.IsCancellationRequested ? "stopping"
        : !lifetime.ApplicationStarted.IsCancellationRequested ? "starting"
        : !ledger.IsOpen && NeedsLedger(settings.Current) ? "waiting_for_ledger"
        : Ready;

    private static bool NeedsLedger(SettingsSnapshot snapshot) =>
        !snapshot.Teams.IsEmpty
        && (snapshot.Settings.Usage.WhenStoreFails == FailurePolicy.Refuse
            || (snapshot.Settings.Limits.WhenStoreFails.Budgets == FailurePolicy.Refuse
                && snapshot.Teams.Teams.Any(static team => team.Budget is not null)));
}
