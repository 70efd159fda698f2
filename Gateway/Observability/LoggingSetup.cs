using Microsoft.Extensions.Options;
using Serilog;
using Serilog.Core;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Gateway.Observability;

/// <summary>
/// Serilog writes, in the console: lines for people on a terminal, compact JSON otherwise. The levels are .NET's own filters, because
/// those can change while the program runs, category by category, which Serilog's overrides cannot.
/// </summary>
internal static class LoggingSetup
{
    private const string TerminalTemplate = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Sets Serilog up.</summary>
    /// <param name="logging">The host's logging.</param>
    /// <param name="levels">The levels in force.</param>
    /// <param name="output">Standard output; what it buffers is flushed with every batch.</param>
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
