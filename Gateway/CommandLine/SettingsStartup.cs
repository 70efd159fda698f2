using System.Collections;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Hosting;
using Gateway.Primitives;
using Gateway.Reports;

namespace Gateway.CommandLine;

/// <summary>
/// The first step of the program: loads valid settings from arguments, variables and files, or prints all faults and sets an exit code.
/// </summary>
internal sealed record SettingsStartup
{
    /// <summary>Exit code for faults in flags, and for faults in the settings except with <c>check</c>.</summary>
    public const int FaultyStart = 2;

    /// <summary>Exit code of <c>check</c> for faults in the settings.</summary>
    public const int FaultySettings = 1;

    /// <summary>Exit code of <c>health</c> for a gateway that is not alive or cannot be found. Container engines reserve 2.</summary>
    public const int NotAlive = 1;

    /// <summary>The exit code, after all output is written; <see langword="null"/> if the program continues.</summary>
    public int? ExitCode { get; private init; }

    /// <summary>The command line.</summary>
    public required CommandLineArguments Arguments { get; init; }

    /// <summary>The sources of the settings, for the watcher; set when there is no <see cref="ExitCode"/>.</summary>
    public SettingsSources? Sources { get; private init; }

    /// <summary>The content of the files, for the watcher; set when there is no <see cref="ExitCode"/>.</summary>
    public SettingsFiles? Files { get; private init; }

    /// <summary>The settings; set when there is no <see cref="ExitCode"/>.</summary>
    public SettingsSnapshot? Snapshot { get; private init; }

    /// <summary>The server's section; set for <c>health</c> when there is no <see cref="ExitCode"/>.</summary>
    public ServerSettings? Server { get; private init; }

    /// <summary>The variables of this process.</summary>
    public static IReadOnlyDictionary<string, string> ProcessVariables() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(
            entry => (string)entry.Key, entry => (string?)entry.Value ?? "");

    /// <summary>Runs the step.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="variables">The environment's variables.</param>
    /// <param name="workingDirectory">The working directory.</param>
    /// <param name="programDirectory">The folder of the program.</param>
    /// <param name="loader">Loads the settings.</param>
    /// <param name="output">Receives pages and reports.</param>
    /// <param name="error">Receives faults, one per line.</param>
    public static async Task<SettingsStartup> RunAsync(
        IReadOnlyList<string> args,
        IReadOnlyDictionary<string, string> variables,
        string workingDirectory,
        string programDirectory,
        SettingsLoader loader,
        TextWriter output,
        TextWriter error)
    {
        var commandLine = CommandLineReader.Read(args);
        if (commandLine.Page is { } page)
        {
            await output.WriteAsync(page);
            return Leave(0);
        }

        if (commandLine.Arguments is { Command: GatewayCommand.KeysNew } or { IsCheckSchema: true })
        {
            return await RunWithoutSettingsAsync();
        }

        // Faults in flags and in settings are reported together. With an invalid --config the settings file is unknown.
        var sources = SettingsSources.Resolve(commandLine.Arguments, variables, workingDirectory, programDirectory);
        var files = SettingsFiles.Read(sources);
        if (commandLine.Arguments.Command == GatewayCommand.Health && commandLine.Faults.Count == 0)
        {
            return await ReadServerAsync();
        }

        var needs = NeedsOf(commandLine.Arguments.Command);
        var result = commandLine.IsConfigPathFaulty ? new SettingsLoadResult() : await loader.LoadAsync(sources, files, needs: needs);
        SettingsFault[] faults = [.. commandLine.Faults, .. result.Faults, .. CheckCertificate(result.Snapshot, needs)];
        var isCheck = commandLine.Arguments.Command == GatewayCommand.Check;
        var isJson = isCheck && commandLine.Arguments.IsCheckJson;
        if (!isJson)
        {
            await WriteAsync(faults);
        }

        if (faults.Length > 0 || result.Snapshot is null)
        {
            if (isJson)
            {
                await output.WriteAsync(CheckReport.ToJson(new CheckDocument { Faults = faults, Warnings = result.Warnings }));
            }

            return Leave(isCheck && commandLine.Faults.Count == 0 ? FaultySettings : FaultyStart);
        }

        if (isCheck)
        {
            var report = CheckReport.Create(result.Snapshot, sources, files);
            await output.WriteAsync(isJson ? CheckReport.ToJson(report) : CheckReport.ToText(report));
            return Leave(0);
        }

        // The report of check lists them.
        foreach (var unresolved in result.UnresolvedSecrets)
        {
            await error.WriteLineAsync(TerminalText.Escape($"warning: {unresolved}"));
        }

        return new SettingsStartup { Arguments = commandLine.Arguments, Sources = sources, Files = files, Snapshot = result.Snapshot };

        async Task<SettingsStartup> RunWithoutSettingsAsync()
        {
            await WriteAsync(commandLine.Faults);
            if (commandLine.Faults.Count > 0)
            {
                return Leave(FaultyStart);
            }

            await (commandLine.Arguments.KeysNew is { } key
                ? KeysNewReport.WriteAsync(key, output)
                : output.WriteAsync(SettingsSchemaFile.Read()));
            return Leave(0);
        }

        // A gateway lives on with settings that have become faulty, and so does its health check.
        async Task<SettingsStartup> ReadServerAsync()
        {
            var serverFaults = new List<SettingsFault>();
            if (SettingsLoader.ReadServer(sources, files, serverFaults) is { } server)
            {
                return new SettingsStartup { Arguments = commandLine.Arguments, Server = server };
            }

            await WriteAsync(serverFaults);
            return Leave(NotAlive);
        }

        async Task WriteAsync(IEnumerable<SettingsFault> lines)
        {
            foreach (var fault in lines)
            {
                await error.WriteLineAsync(TerminalText.Escape(fault.ToString()));
            }
        }

        SettingsStartup Leave(int code) => new() { Arguments = commandLine.Arguments, ExitCode = code };
    }

    private static SecretNeeds NeedsOf(GatewayCommand command) => command switch
    {
        GatewayCommand.Check or GatewayCommand.Explain => SecretNeeds.None,
        GatewayCommand.Usage or GatewayCommand.WriteOff => SecretNeeds.Ledger,
        _ => SecretNeeds.All,
    };

    // Checked at the start only: a pair that is being replaced must not block a reload. The previous pair stays in use.
    private static IEnumerable<SettingsFault> CheckCertificate(SettingsSnapshot? snapshot, SecretNeeds needs)
    {
        if (snapshot?.Settings.Server is not { Https: true, CertPath: { } cert, KeyPath: { } key })
        {
            return [];
        }

        // A warning says so where nothing needs them.
        if (needs != SecretNeeds.All && !(File.Exists(cert) && File.Exists(key)))
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
            return [new SettingsFault("Server:CertPath", $"{cert} and {key} are not a usable pair: {exception.Message.TrimEnd('.')}")];
        }
    }
}
