using Gateway.Configuration;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Gateway.Observability;

/// <summary>Hands the settings' log levels to .NET's filters, at the start and after every reload.</summary>
internal sealed class LogLevels : IConfigureOptions<LoggerFilterOptions>, IOptionsChangeTokenSource<LoggerFilterOptions>
{
    // A level above None would be needed to say so by the convention; without this rule the host makes a trace activity for every request.
    private const string HostDiagnostics = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private LoggingSettings _settings;
    private ConfigurationReloadToken _change = new();

    // Not the store itself: it logs, and so needs what is made here.
    public LogLevels(LoggingSettings settings) => _settings = settings;

    public string Name => Options.DefaultName;

    public IChangeToken GetChangeToken() => _change;

    /// <summary>Puts other levels in force.</summary>
    public void Apply(LoggingSettings settings)
    {
        _settings = settings;
        Interlocked.Exchange(ref _change, new ConfigurationReloadToken()).OnReload();
    }

    public void Configure(LoggerFilterOptions options)
    {
        options.Rules.Clear();
        options.Rules.Add(new LoggerFilterRule(null, HostDiagnostics, LogLevel.None, null));
        foreach (var (category, level) in _settings.LogLevel)
        {
            options.Rules.Add(new LoggerFilterRule(null, category == "Default" ? null : category, level, null));
        }
    }
}
