using Gateway.Configuration.Model;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Gateway.Observability;

/// <summary>Applies the log levels of the settings to .NET's log filters, at the start and after every reload.</summary>
internal sealed class LogLevels : IConfigureOptions<LoggerFilterOptions>, IOptionsChangeTokenSource<LoggerFilterOptions>
{
    // The program reports a listener that cannot be opened in one line on stderr. These categories would add stack traces.
    private static readonly string[] SilentAtStart = ["Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Server.Kestrel"];

    // The request line contains the reason of a failed hop. This category would add a stack trace.
    private const string Forwarder = "Yarp.ReverseProxy.Forwarder.HttpForwarder";

    // Quotes invalid input of clients, which may contain a key or a prompt.
    private const string BadRequests = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    // Quotes the path of each request, which may contain a key.
    private const string RouteMatcher = "Microsoft.AspNetCore.Routing.Matching.DfaMatcher";

    // Without a rule for this category the host creates a trace activity for every request.
    private const string HostDiagnostics = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private LoggingSettings _settings;
    private bool _hasStarted;
    private ConfigurationReloadToken _change = new();

    // Takes the settings rather than SettingsStore, which logs and so depends on this class.
    public LogLevels(LoggingSettings settings) => _settings = settings;

    public string Name => Options.DefaultName;

    public IChangeToken GetChangeToken() => _change;

    /// <summary>Reports that the listener is open, which enables the categories that are silent at the start.</summary>
    public void Started()
    {
        _hasStarted = true;
        Apply(_settings);
    }

    /// <summary>Applies the levels of other settings.</summary>
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
        Silence(RouteMatcher, options);
        foreach (var (category, level) in _settings.LogLevel)
        {
            options.Rules.Add(new LoggerFilterRule(null, category == "Default" ? null : category, level, null));
        }

        foreach (var category in _hasStarted ? [] : SilentAtStart)
        {
            Silence(category, options);
        }
    }

    // The last rule for a category applies, so the settings override these rules.
    private static void Silence(string category, LoggerFilterOptions options) =>
        options.Rules.Add(new LoggerFilterRule(null, category, LogLevel.None, null));
}
