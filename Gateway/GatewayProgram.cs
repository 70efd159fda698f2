using System.Collections;
using Gateway.CommandLine;
using Gateway.Configuration;
using Gateway.Hosting;
using Gateway.Transforms;
using Yarp.ReverseProxy.Model;

namespace Gateway;

/// <summary>What the program does from its arguments to its exit code: 0 when all went well, 1 for what <c>check</c> found, 2 for faults.</summary>
internal static class GatewayProgram
{
    private const int Success = 0;
    private const int CheckFailed = 1;
    private const int Faulty = 2;

    /// <summary>Runs the program.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        var commandLine = CommandLineReader.Read(args);
        if (commandLine.Page is { } page)
        {
            await output.WriteAsync(page);
            return Success;
        }

        var arguments = commandLine.Arguments;
        var sources = SettingsSources.Resolve(arguments, Variables(), Directory.GetCurrentDirectory(), AppContext.BaseDirectory);
        var files = SettingsFiles.Read(sources);
        var loader = new SettingsLoader(CreateDryRun());
        var loaded = commandLine.IsConfigPathFaulty ? new SettingsLoadResult() : await loader.LoadAsync(sources, files);

        // All at once: whoever mends the flags should not find the next fault only at the next start.
        SettingsFault[] faults = [.. commandLine.Faults, .. loaded.Faults, .. TlsFaults(loaded.Snapshot)];
        if (faults.Length > 0)
        {
            foreach (var fault in faults)
            {
                await error.WriteLineAsync(fault.ToString());
            }

            return arguments.Command == GatewayCommand.Check && commandLine.Faults.Count == 0 ? CheckFailed : Faulty;
        }

        var snapshot = loaded.Snapshot!;
        switch (arguments.Command)
        {
            case GatewayCommand.Check:
                await output.WriteAsync(CheckReport.Write(snapshot, sources, files));
                return Success;

            case GatewayCommand.Explain:
                return await ExplainReport.WriteAsync(snapshot, arguments.Explain!, output, error) ? Success : Faulty;

            default:
                return await ServeAsync(snapshot, sources, files, loader, error);
        }
    }

    private static async Task<int> ServeAsync(
        SettingsSnapshot snapshot, SettingsSources sources, SettingsFiles files, SettingsLoader loader, TextWriter error)
    {
        await using var app = GatewayHost.Build(snapshot, sources, files, loader);
        try
        {
            await app.RunAsync();
            return Success;
        }
        catch (IOException fault)
        {
            // The address is taken, or not ours: known only when it is tried.
            await error.WriteLineAsync($"Server:Address: cannot listen on {snapshot.Settings.Server.Address}:{snapshot.Settings.Server.Port}: {fault.Message}");
            return Faulty;
        }
    }

    private static ReverseProxyDryRun CreateDryRun() => new(
        proxy => GatewayHost.AddTransforms(proxy),
        services => new ReverseProxyApplicationBuilder(new ApplicationBuilder(services)).UseProviderMapping());

    private static IEnumerable<SettingsFault> TlsFaults(SettingsSnapshot? snapshot)
    {
        if (snapshot is not { Settings.Server: { Https: true, CertPath: { } cert, KeyPath: { } key } })
        {
            return [];
        }

        try
        {
            TlsCertificate.Load(cert, key);
            return [];
        }
        catch (Exception exception) when (TlsCertificate.IsUnusable(exception))
        {
            return [new SettingsFault("Server:CertPath", $"\"{cert}\" and \"{key}\" are no usable PEM pair: {exception.Message.TrimEnd('.')}")];
        }
    }

    private static Dictionary<string, string> Variables()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            variables[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        return variables;
    }
}
