using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Primitives;
using Gateway.Workers;

namespace Gateway.Ledger;

/// <summary>
/// Opens the ledger if there are teams: at the start, where an unusable file is a fault, and when a reload adds the first team. If that
/// fails, it tries again in the background, since a gateway that is not ready receives no request that would open the ledger.
/// </summary>
internal sealed partial class LedgerOpening : Worker
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    internal static readonly TimeSpan FirstTurn = TimeSpan.FromSeconds(1);

    private readonly LedgerWriter _writer;
    private readonly SettingsStore _settings;
    private readonly ILogger<LedgerOpening> _logger;

    /// <summary>Creates the worker.</summary>
    /// <param name="writer">The writer, which opens the ledger.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public LedgerOpening(
        LedgerWriter writer, SettingsStore settings, WorkerHealth health, TimeProvider time, ILogger<LedgerOpening> logger)
        : base("ledger", Interval, health, time, logger)
    {
        FirstDelay = FirstTurn;
        _writer = writer;
        _settings = settings;
        _logger = logger;
    }

    private bool IsWanted => !_writer.IsOpen && !_settings.Current.Teams.IsEmpty;

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _settings.Changed += OnChanged;
        try
        {
            if (IsWanted)
            {
                await _writer.EnsureOpenAsync(cancellationToken);
            }
        }
        catch (LedgerException fault) when (_settings.Current.Settings.Usage.Store == UsageStore.Postgres)
        {
            Log.LedgerNotOpen(_logger, fault.Message);
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
    protected override Task RunOnceAsync(CancellationToken cancellationToken) =>
        IsWanted ? _writer.EnsureOpenAsync(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    private void OnChanged(SettingsSnapshot snapshot)
    {
        if (IsWanted)
        {
            Wake();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LedgerNotOpen, LogLevel.Error, "The ledger cannot be opened and is tried again: {Fault}")]
        public static partial void LedgerNotOpen(ILogger logger, string fault);
    }
}
