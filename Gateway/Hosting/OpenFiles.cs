namespace Gateway.Hosting;

/// <summary>The file descriptors of this process.</summary>
/// <param name="Limit">The maximum number. .NET raises the soft limit to the hard one at its start.</param>
/// <param name="InUse">The number of open descriptors.</param>
internal readonly record struct OpenFiles(long Limit, long InUse)
{
    /// <summary>The largest limit of connections that follows from file descriptors.</summary>
    public const int MostConnections = 10_000;

    // Even a process with hardly any descriptors left serves a few clients.
    private const int FewestConnections = 8;

    // For the stores, the admin address, files, and connections that are accepted only to be closed.
    private const int Reserve = 64;

    private const string LimitsFile = "/proc/self/limits";
    private const string Descriptors = "/proc/self/fd";
    private const string LimitName = "Max open files";

    /// <summary>
    /// The number of connections that the descriptors allow. A connection with a request in flight uses two: its own, and one to upstream.
    /// </summary>
    public int AllowedConnections => (int)Math.Clamp((Limit - InUse - Reserve) / 2, FewestConnections, MostConnections);

    /// <summary>Reads the current values.</summary>
    /// <returns>The values; <see langword="null"/> if the system does not tell them, or has no limit.</returns>
    public static OpenFiles? Read()
    {
        try
        {
            var line = File.ReadLines(LimitsFile).FirstOrDefault(static line => line.StartsWith(LimitName, StringComparison.Ordinal));
            return line?[LimitName.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
                && long.TryParse(soft, out var limit)
                    ? new OpenFiles(limit, Directory.EnumerateFileSystemEntries(Descriptors).LongCount())
                    : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
