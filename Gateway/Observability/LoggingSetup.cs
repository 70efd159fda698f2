using Microsoft.Extensions.Options;
using Serilog;
using Serilog.Core;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;

namespace Gateway.Observability;

/// <summary>
/// Serilog writes, in the console: lines for people on a terminal, compact JSON otherwise. The levels are .NET's own filters, because
/// those can change while the program runs, category by category, which Serilog's overrides cannot.
/// </summary>
internal static class LoggingSetup
{
    private const string TerminalTemplate = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    public static void AddGatewayLogging(this ILoggingBuilder logging, LogLevels levels)
    {
        logging.AddSerilog(CreateLogger(), dispose: true);
        logging.Services.AddSingleton<IConfigureOptions<LoggerFilterOptions>>(levels);
        logging.Services.AddSingleton<IOptionsChangeTokenSource<LoggerFilterOptions>>(levels);
    }

    private static Logger CreateLogger()
    {
        ITextFormatter formatter = Console.IsOutputRedirected
            ? new CompactJsonFormatter()
            : new MessageTemplateTextFormatter(TerminalTemplate);
        return new LoggerConfiguration()
            .MinimumLevel.Verbose()
            .WriteTo.Sink(new ConsoleSink(formatter, Console.Out, TimeProvider.System))
            .CreateLogger();
    }
}
