using Gateway.Configuration.Reading;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Workers;

namespace Gateway.Configuration;

/// <summary>
/// Checks the settings files, the files of the teams and the secret files that they refer to several times per second, and reloads when
/// their content changed. A file is read only after its identity, size or times changed (<see cref="FileChangeDetector"/>). Polls instead of
/// using events of the file system: the symbolic link swap of a ConfigMap, a rename over the file and a bind mount raise different events,
/// or none.
/// </summary>
internal sealed partial class SettingsWatcher : Worker
{
    /// <summary>
    /// The time between two checks. Together with <see cref="RereadDelay"/> and the load, a change takes effect within a second.
    /// </summary>
    internal static readonly TimeSpan CheckPeriod = TimeSpan.FromMilliseconds(150);

    /// <summary>
    /// A missing or invalid file is read again after this time before it is reported: it may be in the middle of a write.
    /// </summary>
    internal static readonly TimeSpan RereadDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>The maximum number of repeated reads in one check, for files that change while they are read.</summary>
    private const int Attempts = 3;

    private readonly SettingsSources _sources;
    private readonly SettingsLoader _loader;
    private readonly SettingsStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<SettingsWatcher> _logger;
    private SettingsFiles _seen;
    private bool[] _seenReferenced = [];
    private IReadOnlyList<string> _referenced = [];
    private WatchedSettingsFiles? _files;
    private LoadedFiles? _secrets;
    private LoadedTeamFolder? _teams;
    private int _isReadDue;

    /// <summary>Creates a watcher.</summary>
    /// <param name="sources">The sources of the settings.</param>
    /// <param name="files">The content of the files that the current settings were loaded from.</param>
    /// <param name="loader">Loads changed settings.</param>
    /// <param name="store">Receives changed settings.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public SettingsWatcher(
        SettingsSources sources,
        SettingsFiles files,
        SettingsLoader loader,
        SettingsStore store,
        WorkerHealth health,
        TimeProvider time,
        ILogger<SettingsWatcher> logger)
        : base("settings", CheckPeriod, health, time, logger)
    {
        _sources = sources;
        _seen = files;
        _loader = loader;
        _store = store;
        _time = time;
        _logger = logger;
    }

    /// <summary>Reads the files. Tests replace it to count the reads.</summary>
    internal IFileReader Reader { get; init; } = DiskFileReader.Instance;

    /// <summary>
    /// Reads all files in the next turn, which starts at once, and loads the settings, whether or not a file seems to have changed. The
    /// log then has the result, also if nothing has changed or the same faults are found again.
    /// </summary>
    public void ReadNow()
    {
        Volatile.Write(ref _isReadDue, 1);
        Wake();
    }

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken) => CheckAsync(cancellationToken);

    /// <summary>Checks once, and reloads if content changed.</summary>
    internal async Task CheckAsync(CancellationToken cancellationToken)
    {
        var isReadDue = Interlocked.Exchange(ref _isReadDue, 0) == 1;
        if (isReadDue)
        {
            // Without stamps, every file is read.
            _files = null;
        }

        if (_secrets is null)
        {
            _secrets = Watch(_store.Current.SecretFiles);
            _teams = Watch(_store.Current.TeamFolder);
        }

        var files = ReadStable();
        if (!isReadDue && files.HasSameContent(_seen) && Referenced().SequenceEqual(_seenReferenced) && !_secrets.HasChanged()
            && _teams?.HasChanged() != true)
        {
            return;
        }

        var result = await _loader.LoadAsync(_sources, files, isReload: true);
        if (result.IsUnfinished)
        {
            await Task.Delay(RereadDelay, _time, cancellationToken);
            files = ReadStable();
            if (!isReadDue && files.HasSameContent(_seen) && !_secrets.HasAnyChanged() && _teams?.HasAnyChanged() != true)
            {
                return;
            }

            result = await _loader.LoadAsync(_sources, files, isRepeated: true, isReload: true);
        }

        // Recorded before it is applied, so each content is checked and logged once.
        _seen = files;
        _referenced = result.Snapshot is null ? result.ReferencedFiles : [];
        _seenReferenced = Referenced();
        _secrets = Watch(result.SecretFiles);
        _teams = Watch(result.TeamFolder);

        if (result.Snapshot is not { } snapshot)
        {
            _store.Reject(result.Faults);
        }
        else if (snapshot.Version != _store.Current.Version || snapshot.TeamFaults.Count > 0 || !_store.State.LastReloadSucceeded)
        {
            await _store.PublishAsync(snapshot, cancellationToken);
        }
        else if (isReadDue)
        {
            Log.SettingsUnchanged(_logger, snapshot.Version);
        }
    }

    /// <summary>
    /// Reads the files until two reads agree. The folder that holds them may be swapped between the first file and the last.
    /// </summary>
    private SettingsFiles ReadStable()
    {
        _files ??= new WatchedSettingsFiles(_sources, _seen, Reader, _time);
        var files = _files.Read();
        for (var i = 0; i < Attempts && !files.HasSameContent(_seen); i++)
        {
            var again = _files.Read();
            if (again.HasSameContent(files))
            {
                break;
            }

            files = again;
        }

        return files;
    }

    private LoadedFiles Watch(IReadOnlyList<SecretFile> secrets) =>
        new(secrets.Where(static secret => !secret.IsSpecial).Select(secret => new LoadedFile(secret.Path, secret.Hash, SecretFile.MaxBytes, Reader, _time)));

    private LoadedTeamFolder? Watch(TeamFolder? folder) => folder is null ? null : new LoadedTeamFolder(folder, Reader, _time);

    /// <summary>
    /// The existence of each file that rejected settings refer to. A certificate that arrives after the settings makes them valid.
    /// </summary>
    private bool[] Referenced() => [.. _referenced.Select(File.Exists)];

    private static partial class Log
    {
        [LoggerMessage(LogEvents.SettingsUnchanged, LogLevel.Information, "Settings read: {Version} has not changed")]
        public static partial void SettingsUnchanged(ILogger logger, string version);
    }
}
