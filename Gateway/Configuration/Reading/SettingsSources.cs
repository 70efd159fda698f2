namespace Gateway.Configuration.Reading;

/// <summary>
/// The sources of the settings: files, variables and flags. They do not change after the start. Precedence, lowest first: defaults, the
/// settings file, its overlay for the environment, <c>.env</c>, environment variables, the command line.
/// </summary>
internal sealed record SettingsSources
{
    /// <summary>The command line.</summary>
    public required SettingsFlags Arguments { get; init; }

    /// <summary>The environment variables of the process at its start; names are case-insensitive.</summary>
    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    /// <summary>The base of relative paths.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>
    /// The name of the environment: <c>--environment</c>, <c>ASPNETCORE_ENVIRONMENT</c>, <c>DOTNET_ENVIRONMENT</c>, or else
    /// <c>Production</c>.
    /// </summary>
    public required string EnvironmentName { get; init; }

    /// <summary>
    /// The absolute path of the settings file, chosen at the start. If the file is deleted later, that is a fault: no other file is used
    /// instead.
    /// </summary>
    public required string MainFile { get; init; }

    /// <summary>The overlay beside the settings file: <c>appsettings.{Environment}.json</c>. It need not exist.</summary>
    public required string OverlayFile { get; init; }

    /// <summary>Whether an overlay may exist: an invalid environment name selects no file.</summary>
    public bool HasOverlay => OverlayFile != MainFile;

    /// <summary><c>.env</c> in the working directory. It need not exist.</summary>
    public required string DotEnvFile { get; init; }

    /// <summary>The message if <see cref="MainFile"/> is missing.</summary>
    public required string MissingMainFile { get; init; }

    /// <summary>Resolves the sources.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="variables">The environment's variables.</param>
    /// <param name="workingDirectory">The working directory.</param>
    /// <param name="programDirectory">The folder of the program.</param>
    public static SettingsSources Resolve(
        SettingsFlags arguments, IReadOnlyDictionary<string, string> variables, string workingDirectory, string programDirectory)
    {
        const string DefaultName = "appsettings.json";
        var environment = arguments.Environment
            ?? Variable(variables, "ASPNETCORE_ENVIRONMENT")
            ?? Variable(variables, "DOTNET_ENVIRONMENT")
            ?? "Production";

        string main;
        string missing;
        var named = arguments.ConfigPath ?? Variable(variables, EnvironmentVariables.Config);
        if (named is not null)
        {
            var source = arguments.ConfigPath is null ? EnvironmentVariables.Config : "--config";
            main = Path.GetFullPath(named, workingDirectory);
            missing = $"not found; expected the settings file that {source} names";
        }
        else
        {
            main = Path.Combine(workingDirectory, DefaultName);
            var beside = Path.Combine(programDirectory, DefaultName);
            missing = $"not found; expected it in {workingDirectory} or {programDirectory}, or another file by --config or {EnvironmentVariables.Config}";
            if (!File.Exists(main) && File.Exists(beside))
            {
                main = beside;
            }
        }

        // A name with a slash would point to another folder.
        var overlay = SettingFormats.IsEnvironmentName(environment)
            ? Path.Combine(Path.GetDirectoryName(main)!, $"{Path.GetFileNameWithoutExtension(main)}.{environment}{Path.GetExtension(main)}")
            : main;

        return new SettingsSources
        {
            Arguments = arguments,
            Variables = IgnoreCase(variables),
            WorkingDirectory = workingDirectory,
            EnvironmentName = environment,
            MainFile = main,
            OverlayFile = overlay,
            DotEnvFile = Path.Combine(workingDirectory, ".env"),
            MissingMainFile = missing,
        };
    }

    /// <summary>Variables with case-insensitive names. Of names that differ only in case, the one in upper case wins.</summary>
    private static Dictionary<string, string> IgnoreCase(IReadOnlyDictionary<string, string> variables)
    {
        var known = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in variables.OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            known.TryAdd(name, value);
        }

        return known;
    }

    private static string? Variable(IReadOnlyDictionary<string, string> variables, string name) =>
        variables.TryGetValue(name, out var value) && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;
}
