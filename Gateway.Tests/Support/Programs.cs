namespace Gateway.Tests.Support;

/// <summary>Programs of Debian that tests run where they are installed.</summary>
internal static class Programs
{
    // Those of administrators are not in every PATH.
    private static readonly string[] More = ["/usr/sbin", "/sbin"];

    /// <summary>The path of a program; <see langword="null"/> if it is not installed.</summary>
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Concat(More)
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);
}
