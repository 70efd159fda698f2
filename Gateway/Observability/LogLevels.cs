using Gateway.Configuration.Model;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Gateway.Observability;

/// <summary>Applies the settings' log levels to .NET's filters, at the start and after every reload.</summary>
internal sealed class LogLevels : IConfigureOptions<LoggerFilterOptions>, IOptionsChangeTokenSource<LoggerFilterOptions>
{
    // A listener that cannot be opened is reported in one line on stderr; these two would add stack traces.
    private static readonly string[] SilentAtStart = ["Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Server.Kestrel"];

    // A failed hop is in its request's line, with the reason; this would add a stack trace to each.
    private const string Forwarder = "Yarp.ReverseProxy.Forwarder.HttpForwarder";

    // Quotes unparsable input of clients, which may be a misplaced key or prompt.
    private const string BadRequests = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    // Without this rule the host creates a trace activity for every request.
    private const string HostDiagnostics = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private LoggingSettings _settings;
    private bool _hasStarted;
    private ConfigurationReloadToken _change = new();

    // Not the store itself: it logs, and depends on this class.
    public LogLevels(LoggingSettings settings) => _settings = settings;

    public string Name => Options.DefaultName;

    public IChangeToken GetChangeToken() => _change;

    /// <summary>Records that the listener is open.</summary>
    public void Started()
    {
        _hasStarted = true;
        Apply(_settings);
    }

    /// <summary>Applies other levels.</summary>
    public void Apply(LoggingSettings settings)
    {
        _settings = settings;
        Interlocked.Exchange(ref _change, new ConfigurationReloadToken()).OnReload();
    }

    public void Configure(LoggerFilterOptions options)
    {
        options.Rules.Clear();
        Silence(HostDiagnostics, options);
        Silence(Forwarder, options);
        Silence(BadRequests, options);
        foreach (var (category, level) in _settings.LogLevel)
        {
            options.Rules.Add(new LoggerFilterRule(null, category == "Default" ? null : category, level, null));
        }

        foreach (var category in _hasStarted ? [] : SilentAtStart)
        {
            Silence(category, options);
        }
    }

    // Of two rules for a category the later one wins: the settings override the silenced categories.
    private static void Silence(string category, LoggerFilterOptions options) =>
        options.Rules.Add(new LoggerFilterRule(null, category, LogLevel.None, null));
}
