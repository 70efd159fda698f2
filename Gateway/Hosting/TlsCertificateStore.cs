using System.Net.Security;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Primitives;
using Gateway.Workers;

namespace Gateway.Hosting;

/// <summary>
/// Holds the current certificate and renews it. Compares the content of the files every second. A valid new pair is used from the next
/// handshake on. While the pair is invalid or incomplete, the previous one stays in use and each turn fails.
/// </summary>
internal sealed partial class TlsCertificateStore : Worker
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly SettingsStore _settings;
    private readonly Func<string, string, TlsCertificate> _load;
    private readonly ILogger<TlsCertificateStore> _logger;
    private WatchedFile _certFile;
    private WatchedFile _keyFile;
    private bool _isRenewing;
    private volatile TlsCertificate _current;

    /// <summary>Loads the pair that the settings name.</summary>
    /// <param name="settings">The current settings.</param>
    /// <param name="load">Loads a pair from its two paths, normally <see cref="TlsCertificate.Load"/>.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public TlsCertificateStore(
        SettingsStore settings,
        Func<string, string, TlsCertificate> load,
        WorkerHealth health,
        TimeProvider time,
        ILogger<TlsCertificateStore> logger)
        : base("certificates", Interval, health, time, logger)
    {
        _settings = settings;
        _load = load;
        _logger = logger;
        var server = settings.Current.Settings.Server;

        // The files are watched before they are loaded, so the first turn detects a renewal in between.
        _certFile = new WatchedFile(server.CertPath!);
        _keyFile = new WatchedFile(server.KeyPath!);
        _current = load(server.CertPath!, server.KeyPath!);
    }

    /// <summary>The options for the next handshake.</summary>
    public ValueTask<SslServerAuthenticationOptions> OptionsAsync() => new(_current.Options);

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken)
    {
        // Both files are compared in each turn, since they are replaced one after the other. A failed renewal is repeated in the next turn.
        _isRenewing |= HasChanged(ref _certFile, server => server.CertPath) | HasChanged(ref _keyFile, server => server.KeyPath);
        if (_isRenewing)
        {
            Renew();
            _isRenewing = false;
        }

        return Task.CompletedTask;
    }

    private bool HasChanged(ref WatchedFile file, Func<ServerSettings, string?> path)
    {
        var now = path(_settings.Current.Settings.Server);
        if (now is null || now == file.Path)
        {
            return file.HasChanged();
        }

        file = new WatchedFile(now);
        return true;
    }

    private void Renew()
    {
        try
        {
            var renewed = _load(_certFile.Path, _keyFile.Path);
            _current = renewed;
            Log.CertificateRenewed(_logger, _certFile.Path, renewed.Expires);
        }
        catch (Exception exception) when (TlsCertificate.IsUnusable(exception))
        {
            throw new WorkerTurnException(
                $"certificate {_certFile.Path} cannot be loaded, the previous one stays in use: {exception.Message}", exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.CertificateRenewed, LogLevel.Information, "Certificate {Path} loaded, valid until {Expires}")]
        public static partial void CertificateRenewed(ILogger logger, string path, DateTimeOffset expires);
    }
}
