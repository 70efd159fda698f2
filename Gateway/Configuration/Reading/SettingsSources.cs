namespace Gateway.Configuration.Reading;

/// <summary>
/// Where the settings come from, settled once at start: which files, which variables, which flags. Precedence, lowest first: defaults,
/// the settings file, its overlay for the environment, <c>.env</c>, the environment's variables, the command line.
/// </summary>
internal sealed record SettingsSources
{
    /// <summary>The command line.</summary>
    public required SettingsFlags Arguments { get; init; }

    /// <summary>The process's environment variables as they were at start; names compare without case.</summary>
    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>
    /// Name of the environment: <c>--environment</c>, <c>ASPNETCORE_ENVIRONMENT</c>, <c>DOTNET_ENVIRONMENT</c>, else <c>Production</c>.
    /// </summary>
    public required string EnvironmentName { get; init; }

    /// <summary>
    /// The settings file, absolute. It is chosen once, so that a file deleted later is missed and not replaced by another one.
    /// </summary>
    public required string MainFile { get; init; }

    /// <summary>What lies over the settings file, beside it: <c>appsettings.{Environment}.json</c>. It need not exist.</summary>
    public required string OverlayFile { get; init; }

    /// <summary>Whether there may be an overlay: a name that is no environment's names no file.</summary>
    public bool HasOverlay => OverlayFile != MainFile;

    /// <summary><c>.env</c> in the working directory. It need not exist.</summary>
    public required string DotEnvFile { get; init; }

    /// <summary>What to say when <see cref="MainFile"/> is missing.</summary>
    public required string MissingMainFile { get; init; }

    /// <summary>Settles the sources.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="variables">The environment's variables.</param>
    /// <param name="workingDirectory">The working directory.</param>
    /// <param name="programDirectory">Where the program lies.</param>
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
        if (arguments.ConfigPath is { } given)
        {
            main = Path.GetFullPath(given, workingDirectory);
            missing = "not found; expected the settings file that --config names";
        }
        else
        {
            main = Path.Combine(workingDirectory, DefaultName);
            var beside = Path.Combine(programDirectory, DefaultName);
            missing = $"not found; expected it in {workingDirectory} or {programDirectory}, or another file by --config";
            if (!File.Exists(main) && File.Exists(beside))
            {
                main = beside;
            }
        }

        // A name with a slash in it would lead to another folder.
        var overlay = SettingValues.IsEnvironmentName(environment)
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

    /// <summary>Names in capitals go first where two differ by case alone.</summary>
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
