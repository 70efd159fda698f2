using Gateway;

// The console's own writer goes to the operating system with every 256 characters.
const int OutputBuffer = 64 * 1024;

// Before the first socket, which is when .NET looks: what a completed read or write goes on with runs on the thread that polls the sockets.
// What may keep such a thread from its other sockets moves to the pool first (docs/decisions/0008-polling-threads.md).
const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
{
    Environment.SetEnvironmentVariable(InlineCompletions, "1");
}

await using var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: OutputBuffer);
return await GatewayProgram.RunAsync(args, output, Console.Error);
