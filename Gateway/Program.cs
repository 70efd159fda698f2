using Gateway;

// The console's own writer goes to the operating system with every 256 characters.
const int OutputBuffer = 64 * 1024;

await using var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: OutputBuffer);
return await GatewayProgram.RunAsync(args, output, Console.Error);
