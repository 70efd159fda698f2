using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace FakeOpenRouter;

/// <summary>The command line: <c>--port N</c>, <c>--scenario FILE</c> and so on. Runs until SIGINT or SIGTERM.</summary>
internal static class FakeOpenRouterProgram
{
    private const int DefaultPort = 9001;

    private static async Task<int> Main(string[] args)
    {
        var options = new FakeOpenRouterOptions { Port = DefaultPort };
        var (certPath, keyPath) = (default(string), default(string));
        for (var i = 0; i < args.Length; i++)
        {
            var (name, value) = Split(args[i]);
            switch (name)
            {
                case "--port" when TryNumber(value ?? Next(args, ref i), ushort.MaxValue, out var port):
                    options = options with { Port = (int)port };
                    break;
                case "--seed" when TryNumber(value ?? Next(args, ref i), long.MaxValue, out var seed):
                    options = options with { Seed = seed };
                    break;
                case "--generation-delay-ms" when TryNumber(value ?? Next(args, ref i), int.MaxValue, out var delay):
                    options = options with { GenerationDelay = TimeSpan.FromMilliseconds(delay) };
                    break;
                case "--no-record" when value is null:
                    options = options with { Record = false };
                    break;
                case "--book" when value is null:
                    options = options with { Book = true };
                    break;
                case "--http2" when value is null:
                    options = options with { Http2 = true, FlushesToSocket = false };
                    break;
                case "--tls" when value is null:
                    options = options with { Certificate = ServerCertificate.Create(options.Time.GetUtcNow()), FlushesToSocket = false };
                    break;
                case "--cert" when (value ?? Next(args, ref i)) is { } path:
                    certPath = path;
                    break;
                case "--key" when (value ?? Next(args, ref i)) is { } path:
                    keyPath = path;
                    break;
                case "--max-streams" when TryNumber(value ?? Next(args, ref i), int.MaxValue, out var streams) && streams > 0:
                    options = options with { MaxStreams = (int)streams };
                    break;
                case "--scenario" when (value ?? Next(args, ref i)) is { } file:
                    try
                    {
                        options = options with { Scenario = Scenario.Parse(await File.ReadAllBytesAsync(file)), Note = Console.WriteLine };
                    }
                    catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or FormatException)
                    {
                        await Console.Error.WriteLineAsync($"--scenario {file}: {fault.Message}");
                        return 2;
                    }

                    break;
                case "--help" or "-h":
                    Console.WriteLine(
                        "FakeOpenRouter [--port 9001] [--seed N] [--no-record] [--book] [--generation-delay-ms N] [--http2] "
                        + "[--tls] [--cert FILE --key FILE] [--max-streams N] [--scenario FILE]; "
                        + "x-fake-… request headers script its responses.");
                    return 0;
                default:
                    await Console.Error.WriteLineAsync(
                        $"\"{args[i]}\": expected --port N, --seed N, --no-record, --book, --generation-delay-ms N, --http2, --tls, "
                        + "--cert FILE, --key FILE, --max-streams N or --scenario FILE");
                    return 2;
            }
        }

        if (certPath is not null || keyPath is not null)
        {
            try
            {
                options = options with { Certificate = LoadPair(certPath, keyPath), FlushesToSocket = false };
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException or FormatException)
            {
                await Console.Error.WriteLineAsync($"--cert {certPath} --key {keyPath}: {fault.Message}");
                return 2;
            }
        }

        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminate = OnSignal(PosixSignal.SIGTERM, stopped);
        using var interrupt = OnSignal(PosixSignal.SIGINT, stopped);

        await using var server = await FakeOpenRouterServer.StartAsync(options);
        Console.WriteLine($"listening on {server.RootUrl}");
        await stopped.Task;
        return 0;
    }

    private static X509Certificate2 LoadPair(string? certPath, string? keyPath) => certPath is null || keyPath is null
        ? throw new FormatException("one needs the other")
        : ServerCertificate.Load(certPath, keyPath);

    private static PosixSignalRegistration OnSignal(PosixSignal signal, TaskCompletionSource stopped)
    {
        return PosixSignalRegistration.Create(
            signal,
            context =>
            {
                context.Cancel = true;
                stopped.TrySetResult();
            });
    }

    private static (string Name, string? Value) Split(string argument)
    {
        var at = argument.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (argument, null) : (argument[..at], argument[(at + 1)..]);
    }

    private static string? Next(string[] args, ref int i) => i + 1 < args.Length ? args[++i] : null;

    private static bool TryNumber(string? text, long most, out long number)
    {
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= most;
    }
}
