using Microsoft.Extensions.Options;
using Serilog;
using Serilog.Core;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Gateway.Observability;

/// <summary>
/// Configures Serilog: text lines on a terminal, compact JSON otherwise. Levels are applied by .NET's log filters, which can change per
/// category at run time; Serilog's overrides cannot.
/// </summary>
internal static class LoggingSetup
{
    private const string TerminalTemplate = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Adds Serilog as the provider, with the levels of the settings.</summary>
    /// <param name="logging">The host's logging builder.</param>
    /// <param name="levels">The levels.</param>
    /// <param name="output">Standard output. Flushed after every batch.</param>
    public static void AddGatewayLogging(this ILoggingBuilder logging, LogLevels levels, TextWriter output)
    {
        var logger = CreateLogger(output);
        logging.AddSerilog(logger, dispose: true);
        logging.Services.AddSingleton<Serilog.ILogger>(logger);
        logging.Services.AddSingleton<IConfigureOptions<LoggerFilterOptions>>(levels);
        logging.Services.AddSingleton<IOptionsChangeTokenSource<LoggerFilterOptions>>(levels);
    }

    private static Logger CreateLogger(TextWriter output)
    {
        ITextFormatter formatter = Console.IsOutputRedirected
            ? new CompactLineFormatter()
            : new TerminalLineFormatter(new MessageTemplateTextFormatter(TerminalTemplate));
        return new LoggerConfiguration()
            .MinimumLevel.Verbose()
            .WriteTo.Sink(new ConsoleSink(formatter, output, TimeProvider.System))
            .CreateLogger();
    }
}
