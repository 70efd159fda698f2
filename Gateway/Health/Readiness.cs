using Gateway.Configuration;
using Gateway.Ledger;

namespace Gateway.Health;

/// <summary>
/// Whether the gateway accepts new requests: from its start until a stop is requested, except while the ledger is not open and a budget needs
/// it.
/// </summary>
internal sealed class Readiness(IHostApplicationLifetime lifetime, LedgerWriter ledger, SettingsStore settings)
{
    public ReadinessState State =>
        lifetime.ApplicationStopping.IsCancellationRequested ? ReadinessState.Stopping
        : !lifetime.ApplicationStarted.IsCancellationRequested || LacksLedger ? ReadinessState.Waiting
        : ReadinessState.Ready;

    public bool IsReady => State == ReadinessState.Ready;

    private bool LacksLedger => !ledger.IsOpen && settings.Current.Teams.Teams.Any(static team => team.Budget is not null);
}
