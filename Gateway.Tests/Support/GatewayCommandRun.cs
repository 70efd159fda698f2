using Gateway.CommandLine;

namespace Gateway.Tests.Support;

/// <summary>
/// Runs a command of the program to its end: inside the test's process, because starting one takes over a second of processor time, or with
/// the published program if <see cref="GatewayProcess.ProgramVariable"/> names one.
/// </summary>
internal static class GatewayCommandRun
{
    /// <summary>Runs a sub-command, or a start that fails.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="workingDirectory">The directory that relative paths start from.</param>
    /// <param name="environment">Variables beside the inherited ones that are not for the gateway.</param>
    public static async Task<GatewayOutput> RunAsync(
        IReadOnlyList<string> arguments, string workingDirectory, IReadOnlyDictionary<string, string>? environment = null)
    {
        if (GatewayProcess.PublishedProgram is not null)
        {
            return await GatewayProcess.RunAsync(arguments, workingDirectory, environment);
        }

        var variables = SettingsStartup.ProcessVariables()
            .Where(variable => !GatewayProcess.IsForTheGateway(variable.Key))
            .ToDictionary();
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            variables[name] = value;
        }

        using var output = new StringWriter();
        using var error = new StringWriter();
        using var limit = HangGuard.Start();
        var exitCode = await Task.Run(
            () => GatewayProgram.RunAsync(
                [.. arguments], variables, workingDirectory, TextWriter.Synchronized(output), TextWriter.Synchronized(error)),
            limit.Token).WaitAsync(limit.Token);
        return new GatewayOutput(exitCode, output.ToString(), error.ToString());
    }
}
