using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Ledger;

namespace Gateway.Health;

/// <summary>
/// Whether the gateway accepts new requests: from its start until a stop is requested, except while the ledger is not open, a budget needs it
/// and <c>WhenStoreFails</c> refuses calls without it.
/// </summary>
internal sealed class Readiness(IHostApplicationLifetime lifetime, LedgerWriter ledger, SettingsStore settings)
{
    public ReadinessState State =>
        lifetime.ApplicationStopping.IsCancellationRequested ? ReadinessState.Stopping
        : !lifetime.ApplicationStarted.IsCancellationRequested || LacksLedger ? ReadinessState.Waiting
        : ReadinessState.Ready;

    public bool IsReady => State == ReadinessState.Ready;

    // Where both policies allow calls without the store, the gateway serves without it, and a balancer must not take it out of service.
    private bool LacksLedger => !ledger.IsOpen && settings.Current is var current
        && (current.Settings.Limits.WhenStoreFails.Budgets == FailurePolicy.Refuse
            || current.Settings.Usage.WhenStoreFails == FailurePolicy.Refuse)
        && current.Teams.Teams.Any(static team => team.Budgets.Any());
}
