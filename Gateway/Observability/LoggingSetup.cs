using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;
using Serilog;
using Serilog.Extensions.Logging;
using Serilog.Formatting;

namespace Gateway.Observability;

/// <summary>
/// Configures Serilog: text lines on a terminal, compact JSON otherwise. Levels are applied by .NET's log filters, which can change per
/// category at run time; Serilog's overrides cannot.
/// </summary>
internal static class LoggingSetup
{
    // The file descriptor.
    private const nint StandardError = 2;

    /// <summary>Adds Serilog as the provider, with the levels of the settings.</summary>
    /// <param name="logging">The host's logging builder.</param>
    /// <param name="levels">The levels.</param>
    /// <param name="output">Standard output. Flushed after every batch.</param>
    public static void AddGatewayLogging(this ILoggingBuilder logging, LogLevels levels, TextWriter output)
    {
        logging.AddOutput(
            Console.IsOutputRedirected
                ? new CompactLineFormatter()
                : new TerminalLineFormatter(TerminalLineFormatter.WantsColour(Environment.GetEnvironmentVariable)),
            output);
        logging.Services.AddSingleton<IConfigureOptions<LoggerFilterOptions>>(levels);
        logging.Services.AddSingleton<IOptionsChangeTokenSource<LoggerFilterOptions>>(levels);
    }

    /// <summary>Adds Serilog as the provider, and as the logger of the requests' lines.</summary>
    /// <param name="logging">The host's logging builder.</param>
    /// <param name="formatter">Formats the events.</param>
    /// <param name="output">Standard output. Flushed after every batch.</param>
    internal static void AddOutput(this ILoggingBuilder logging, ITextFormatter formatter, TextWriter output)
    {
        // Made by the container, which ends its thread: a host that is configured and never built has none.
        logging.Services.AddSingleton(_ => new ConsoleSink(formatter, output, WriteError, ConsoleSink.WaitOrEnd, TimeProvider.System));
        logging.Services.AddSingleton<Serilog.ILogger>(provider => new LoggerConfiguration()
            .MinimumLevel.Verbose()
            .WriteTo.Sink(provider.GetRequiredService<ConsoleSink>())
            .CreateLogger());

        // AddSerilog would also add a filter rule for its provider, which precedes those of the settings.
        logging.Services.AddSingleton<ILoggerProvider>(provider => new SerilogLoggerProvider(provider.GetRequiredService<Serilog.ILogger>()));
    }

    /// <summary>Writes a line to standard error while a write to standard output is blocked.</summary>
    private static void WriteError(string line)
    {
        if (OperatingSystem.IsWindows())
        {
            Console.Error.WriteLine(line);
            return;
        }

        // .NET's console streams share a lock, which the blocked write holds. Opened now, because the stream of a file begins at the current
        // position.
        using var handle = new SafeFileHandle(StandardError, ownsHandle: false);
        using var error = new StreamWriter(new FileStream(handle, FileAccess.Write, bufferSize: 0));
        error.WriteLine(line);
    }
}
