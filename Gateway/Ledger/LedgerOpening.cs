using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>
/// Opens the ledger if there are teams: at the start, where an unusable file is a fault, and when a reload adds the first team. An
/// unreachable database is opened by the first request that needs it.
/// </summary>
internal sealed partial class LedgerOpening(
    LedgerWriter writer, SettingsStore settings, ILogger<LedgerOpening> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        settings.Changed += OnChanged;
        if (settings.Current.Teams.IsEmpty)
        {
            return;
        }

        try
        {
            await writer.EnsureOpenAsync(cancellationToken);
        }
        catch (LedgerException fault) when (settings.Current.Settings.Usage.Store == UsageStore.Postgres)
        {
            Log.LedgerNotOpen(logger, fault.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        settings.Changed -= OnChanged;
        return Task.CompletedTask;
    }

    private void OnChanged(SettingsSnapshot snapshot)
    {
        if (!snapshot.Teams.IsEmpty && !writer.IsOpen)
        {
            _ = OpenAsync();
        }
    }

    private async Task OpenAsync()
    {
        try
        {
            await writer.EnsureOpenAsync(CancellationToken.None);
        }
        catch (LedgerException fault)
        {
            // The next request that needs the ledger tries again; the policy decides its response.
            Log.LedgerNotOpen(logger, fault.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LedgerNotOpen, LogLevel.Error, "The ledger cannot be opened: {Fault}")]
        public static partial void LedgerNotOpen(ILogger logger, string fault);
    }
}
