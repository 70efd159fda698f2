using Gateway.Configuration;
using Gateway.Workers;

namespace Gateway.Ledger;

/// <summary>
/// Opens the ledger if there are teams: at the start, and when a reload adds the first team. A store that is not there yet (a database that
/// starts later, a folder that is mounted later) is tried again every second; requests do not wait for it. A ledger that no retry can open
/// is a fault of the start.
/// </summary>
internal sealed class LedgerOpening : Worker
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(1);

    // A reload wakes the worker.
    private static readonly TimeSpan IdlePeriod = TimeSpan.FromHours(1);

    private readonly LedgerWriter _writer;
    private readonly SettingsStore _settings;

    public LedgerOpening(LedgerWriter writer, SettingsStore settings, WorkerHealth health, TimeProvider time, ILogger<LedgerOpening> logger)
        : base("ledger", RetryPeriod, health, time, logger)
    {
        _writer = writer;
        _settings = settings;
    }

    /// <inheritdoc />
    /// <exception cref="LedgerException">The ledger cannot be used, and a retry cannot change that.</exception>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _settings.Changed += OnChanged;
        try
        {
            await OpenAsync(cancellationToken);
        }
#pragma warning disable CA1031 // Any exception: the first turn fails with the same one, and a worker goes on.
        catch (Exception fault) when (fault is LedgerException ledger ? !ledger.IsPermanent : !cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            // The first turn tries again and logs the fault.
        }

        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _settings.Changed -= OnChanged;
        return base.StopAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException;

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        Period = RetryPeriod;
        await OpenAsync(cancellationToken);
        Period = IdlePeriod;
    }

    private Task OpenAsync(CancellationToken cancellationToken) =>
        _settings.Current.Teams.IsEmpty ? Task.CompletedTask : _writer.EnsureOpenAsync(cancellationToken);

    private void OnChanged(SettingsSnapshot snapshot)
    {
        if (!_writer.IsOpen)
        {
            Wake();
        }
    }
}
