using Gateway.Configuration.Model;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Gateway.Observability;

/// <summary>Hands the settings' log levels to .NET's filters, at the start and after every reload.</summary>
internal sealed class LogLevels : IConfigureOptions<LoggerFilterOptions>, IOptionsChangeTokenSource<LoggerFilterOptions>
{
    // A listener that cannot be opened is told in one line on stderr; these two would add their stack traces to it.
    private static readonly string[] SilentAtStart = ["Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Server.Kestrel"];

    // Every failed hop is in its request's own line, with the reason; this would add a stack trace each time upstream is away.
    private const string Forwarder = "Yarp.ReverseProxy.Forwarder.HttpForwarder";

    // What a client sent and no server could read is quoted here, be it a key or a prompt that stands in the wrong place.
    private const string BadRequests = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    // A level above None would be needed to say so by the convention; without this rule the host makes a trace activity for every request.
    private const string HostDiagnostics = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private LoggingSettings _settings;
    private bool _hasStarted;
    private ConfigurationReloadToken _change = new();

    // Not the store itself: it logs, and so needs what is made here.
    public LogLevels(LoggingSettings settings) => _settings = settings;

    public string Name => Options.DefaultName;

    public IChangeToken GetChangeToken() => _change;

    /// <summary>Notes that the listener is open.</summary>
    public void Started()
    {
        _hasStarted = true;
        Apply(_settings);
    }

    /// <summary>Puts other levels in force.</summary>
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

    // Of two rules for one category the later one counts: what the settings say of it wins over what is silenced before them.
    private static void Silence(string category, LoggerFilterOptions options) =>
        options.Rules.Add(new LoggerFilterRule(null, category, LogLevel.None, null));
}
