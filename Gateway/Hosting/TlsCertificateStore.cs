using System.Net.Security;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Primitives;

namespace Gateway.Hosting;

/// <summary>
/// The certificate in force, and its renewal: the files are looked at every second, by content, and a good new pair is taken for the
/// next handshake. A bad or half-written pair keeps the old one.
/// </summary>
internal sealed partial class TlsCertificateStore : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly SettingsStore _settings;
    private readonly TimeProvider _time;
    private readonly ILogger<TlsCertificateStore> _logger;
    private WatchedFile _certFile;
    private WatchedFile _keyFile;
    private volatile TlsCertificate _current;

    public TlsCertificateStore(SettingsStore settings, TimeProvider time, ILogger<TlsCertificateStore> logger)
    {
        _settings = settings;
        _time = time;
        _logger = logger;
        var server = settings.Current.Settings.Server;

        // Watched before it is loaded: a renewal in between is seen at the first look.
        _certFile = new WatchedFile(server.CertPath!);
        _keyFile = new WatchedFile(server.KeyPath!);
        _current = TlsCertificate.Load(server.CertPath!, server.KeyPath!);
    }

    /// <summary>The options for the next handshake.</summary>
    public ValueTask<SslServerAuthenticationOptions> OptionsAsync() => new(_current.Options);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                // All are asked, always: a pair is renewed one file after the other.
                if (HasChanged(ref _certFile, server => server.CertPath) | HasChanged(ref _keyFile, server => server.KeyPath))
                {
                    Renew();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
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
            var renewed = TlsCertificate.Load(_certFile.Path, _keyFile.Path);
            _current = renewed;
            Log.CertificateRenewed(_logger, _certFile.Path, renewed.Expires);
        }
        catch (Exception exception) when (TlsCertificate.IsUnusable(exception))
        {
            Log.CertificateRefused(_logger, _certFile.Path, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.CertificateRenewed, LogLevel.Information, "Certificate {Path} is in force, valid until {Expires}")]
        public static partial void CertificateRenewed(ILogger logger, string path, DateTimeOffset expires);

        [LoggerMessage(LogEvents.CertificateRefused, LogLevel.Error, "Certificate {Path} is not usable, the last good one stays: {Reason}")]
        public static partial void CertificateRefused(ILogger logger, string path, string reason);
    }
}
