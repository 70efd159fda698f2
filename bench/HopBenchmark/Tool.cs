using System.Diagnostics;

namespace HopBenchmark;

/// <summary>Runs external programs to their end.</summary>
internal static class Tool
{
    public static bool Exists(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Runs a program and returns its output, errors included. The exit code is ignored: <c>wrk -v</c> exits with 1.</summary>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync() + await error;
        await process.WaitForExitAsync();
        return output;
    }

    /// <summary>Publishes a project of this clone and returns the path of its program.</summary>
    public static Task<string> PublishAsync(string root, string project, string folder)
    {
        var name = Path.GetFileName(project);
        var into = Path.Combine(folder, name);
        return PublishIntoAsync(Path.Combine(root, project), into, Path.Combine(into, name + ".dll"));
    }

    /// <summary>Publishes the gateway as a native program, in the same way as the Dockerfile; takes minutes.</summary>
    public static Task<string> PublishNativeAsync(string root, string folder) => PublishIntoAsync(
        Path.Combine(root, "Gateway"),
        folder,
        Path.Combine(folder, "Gateway"),
        "--use-current-runtime",
        "-p:PublishAot=true",
        "-p:DebugType=none",
        "-p:StripSymbols=true");

    private static async Task<string> PublishIntoAsync(string project, string into, string program, params string[] more)
    {
        Directory.CreateDirectory(into);
        File.Delete(program);
        var output = await RunAsync("dotnet", ["publish", project, "-c", "Release", "--nologo", "-o", into, .. more]);
        return File.Exists(program) ? program : throw new InvalidOperationException(output);
    }
}
