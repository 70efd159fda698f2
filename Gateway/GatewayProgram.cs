using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Gateway.Admin;
using Gateway.CommandLine;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Configuration.Schema;
using Gateway.Health;
using Gateway.Hosting;
using Gateway.Ledger;
using Gateway.Reports;
using OpenRouterGateway.Transforms;
using Yarp.ReverseProxy.Model;

namespace Gateway;

/// <summary>Runs the command that the arguments select, and returns the exit code of the process.</summary>
internal static class GatewayProgram
{
    private const int Success = 0;
    private const int Failure = 1;

    /// <param name="args">The arguments.</param>
    /// <param name="variables">The environment's variables.</param>
    /// <param name="workingDirectory">The directory that relative paths start from.</param>
    /// <param name="output">Receives pages, reports and the log.</param>
    /// <param name="error">Receives faults, one per line.</param>
    public static async Task<int> RunAsync(
        string[] args, IReadOnlyDictionary<string, string> variables, string workingDirectory, TextWriter output, TextWriter error)
    {
        var loader = new SettingsLoader(new ReverseProxyDryRun(
            proxy => GatewayHost.AddTransforms(proxy),
            services => new ReverseProxyApplicationBuilder(new ApplicationBuilder(services)).UseProviderMapping()));
        SettingsStartup startup;
        try
        {
            startup = await SettingsStartup.RunAsync(
                args, variables, workingDirectory, AppContext.BaseDirectory, loader, output, error);
            if (startup is not { ExitCode: null, Arguments.Command: GatewayCommand.Serve })
            {
                var exitCode = startup.ExitCode ?? await RunCommandAsync(startup, workingDirectory, output, error);
                await output.FlushAsync();
                return exitCode;
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"The output cannot be written: {fault.Message}");
            return Failure;
        }

        return await ServeAsync(startup, loader, output, error);
    }

    private static async Task<int> RunCommandAsync(SettingsStartup startup, string workingDirectory, TextWriter output, TextWriter error)
    {
        if (startup.Arguments.Command == GatewayCommand.Health)
        {
            return await ProbeAsync(startup.Server!, error);
        }

        var snapshot = startup.Snapshot!;
        var ledger = snapshot.Settings.Usage;
        return startup.Arguments.Command switch
        {
            GatewayCommand.Explain =>
                await ExplainReport.WriteAsync(
                    snapshot, startup.Arguments.Explain!, workingDirectory, output, error, FilesOf(snapshot, startup.Sources!))
                    ? Success
                    : SettingsStartup.FaultyStart,
            GatewayCommand.Usage => await UsageCommand.RunAsync(
                ledger,
                startup.Arguments.Usage!,
                settings => LedgerOf(settings, snapshot, startup.Sources!),
                TimeProvider.System,
                output,
                error) ? Success : Failure,
            GatewayCommand.WriteOff => await WriteOffCommand.RunAsync(
                ledger,
                startup.Arguments.WriteOff!,
                () => LedgerOf(ledger, snapshot, startup.Sources!),
                TimeProvider.System,
                output,
                error) ? Success : Failure,
            _ => throw new UnreachableException(),
        };
    }

    /// <summary>Runs a host until it ends. Fails unless a signal has requested the end.</summary>
    internal static async Task<int> RunToEndAsync(WebApplication app, TextWriter error)
    {
        var lifetime = app.Services.GetRequiredService<SignalLifetime>();
        try
        {
            await app.RunAsync();
        }
        catch (OperationCanceledException) when (lifetime.HasSignal)
        {
            // The signal arrived during the start and cancelled it.
        }

        if (lifetime.HasSignal)
        {
            return Success;
        }

        await error.WriteLineAsync("The gateway has ended without a signal; its log says why.");
        return Failure;
    }

    private static async Task<int> ProbeAsync(ServerSettings server, TextWriter error)
    {
        if (await HealthProbe.FindFaultAsync(server) is not { } fault)
        {
            return Success;
        }

        await error.WriteLineAsync(fault);
        return Failure;
    }

    private static ExplainFiles FilesOf(SettingsSnapshot snapshot, SettingsSources sources)
    {
        var usage = snapshot.Settings.Usage;
        return new ExplainFiles
        {
            Ledger = () => LedgerOf(usage, snapshot, sources),
            LedgerPath = usage.Store == UsageStore.Sqlite ? Path.GetFullPath(usage.Sqlite.Path, sources.WorkingDirectory) : null,
            PricesPath = Path.GetFullPath(usage.PricesPath, sources.WorkingDirectory),
        };
    }

    private static ILedgerStore LedgerOf(UsageSettings settings, SettingsSnapshot snapshot, SettingsSources sources) => LedgerStores.Create(
        settings, sources.WorkingDirectory, snapshot.PostgresConnectionString?.Reveal(), TimeProvider.System);

    private static async Task<int> ServeAsync(SettingsStartup startup, SettingsLoader loader, TextWriter output, TextWriter error)
    {
        await using var app = GatewayHost.Build(startup.Snapshot!, startup.Sources!, startup.Files!, loader, output);
        try
        {
            return await RunToEndAsync(app, error);
        }
        catch (LedgerException fault)
        {
            await error.WriteLineAsync($"{SettingsSchema.Usage}: {fault.Message}");
            return SettingsStartup.FaultyStart;
        }
        catch (AdminListenException fault)
        {
            await error.WriteLineAsync(fault.Message);
            return SettingsStartup.FaultyStart;
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            // The address is in use or does not belong to this machine. Only an attempt to listen shows it.
            var server = startup.Snapshot!.Settings.Server;
            var address = new IPEndPoint(IPAddress.Parse(server.Address), server.Port);
            await error.WriteLineAsync($"Server:Address: cannot listen on {address}: {fault.Message}");
            return SettingsStartup.FaultyStart;
        }
    }
}
