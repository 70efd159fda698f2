using Gateway;
using Gateway.CommandLine;

// Continuations of completed reads and writes run on the thread that polls the sockets. Work that could block that thread is moved to the
// thread pool (docs/decisions/0008-polling-threads.md). Set here because .NET reads the variable when it creates the first socket.
const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
{
    Environment.SetEnvironmentVariable(InlineCompletions, "1");
}

// Not disposed: if the reader of the output is stuck, a flush at the end would block for ever. The writers flush.
var output = StandardStreams.Output(Console.OpenStandardOutput());
var error = StandardStreams.Error(Console.Error);
string workingDirectory;
try
{
    workingDirectory = Directory.GetCurrentDirectory();
}
catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
{
    // It was deleted, or a folder above it must not be read.
    await error.WriteLineAsync("The working directory does not exist or cannot be read; start the gateway in another one.");
    return SettingsStartup.FaultyStart;
}

return await GatewayProgram.RunAsync(args, SettingsStartup.ProcessVariables(), workingDirectory, output, error);
