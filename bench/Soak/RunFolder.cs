namespace Soak;

/// <summary>The temporary folder of a run, for settings, ledger and logs.</summary>
internal static class RunFolder
{
    /// <summary>Runs in a new folder, which stays if a check failed. Returns the exit code: 0 if all checks hold.</summary>
    public static async Task<int> UseAsync(string prefix, Func<string, Task<bool>> run)
    {
        var folder = Directory.CreateTempSubdirectory(prefix).FullName;
        if (await run(folder))
        {
            Directory.Delete(folder, recursive: true);
            return 0;
        }

        await Console.Error.WriteLineAsync($"settings, ledger and logs are left in {folder}");
        return 1;
    }
}
