using Gateway.Configuration.Reading;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Workers;

namespace Gateway.Configuration;

/// <summary>
/// Examines the settings files, and the files that they refer to for secrets, several times a second and reloads when their content
/// changed. A file is read only when its identity, size or times changed lately (<see cref="FileChangeDetector"/>). Polling rather than
/// events of the file system: a ConfigMap's symlink swap, a rename over the file and a bind mount raise different events, or none.
/// </summary>
internal sealed class SettingsWatcher : Worker
{
    /// <summary>Time between two looks. With <see cref="SecondLook"/> and the load, a change is in force within a second.</summary>
    internal static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(150);

    /// <summary>A file that is missing or not JSON is read again after this time before it counts: it may be being written.</summary>
    internal static readonly TimeSpan SecondLook = TimeSpan.FromMilliseconds(200);

    /// <summary>How often one look reads files again that change while they are read.</summary>
    private const int Attempts = 3;

    /// <summary>How many secret files one look examines, in turn: bounds its cost with hundreds of teams.</summary>
    private const int SecretsAtATime = 32;

    private readonly SettingsSources _sources;
    private readonly SettingsLoader _loader;
    private readonly SettingsStore _store;
    private readonly TimeProvider _time;
    private SettingsFiles _seen;
    private bool[] _seenReferenced = [];
    private IReadOnlyList<string> _referenced = [];
    private WatchedSettingsFiles? _files;
    private WatchedSecretFile[]? _secrets;
    private int _nextSecret;

    /// <summary>Creates a watcher.</summary>
    /// <param name="sources">The sources that the program was started with.</param>
    /// <param name="files">The files as they were when the program loaded its settings.</param>
    /// <param name="loader">Loads changed settings.</param>
    /// <param name="store">Takes them.</param>
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
        : base("settings", LookPeriod, health, time, logger)
    {
        _sources = sources;
        _seen = files;
        _loader = loader;
        _store = store;
        _time = time;
    }

    /// <summary>Reads the files. Tests count the reads.</summary>
    internal IFileReader Reader { get; init; } = DiskFileReader.Instance;

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken) => LookAsync(cancellationToken);

    /// <summary>Looks once, and reloads when content changed.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        _secrets ??= Watch(_store.Current.SecretFiles);
        var files = ReadStable();
        if (files.HasSameContent(_seen) && Referenced().SequenceEqual(_seenReferenced) && !HasSecretChanged(_secrets))
        {
            return;
        }

        var result = await _loader.LoadAsync(_sources, files);
        if (result.IsUnfinished)
        {
            await Task.Delay(SecondLook, _time, cancellationToken);
            files = ReadStable();
            if (files.HasSameContent(_seen) && !_secrets.Any(secret => secret.HasChanged()))
            {
                return;
            }

            result = await _loader.LoadAsync(_sources, files);
        }

        // Noted before it is acted upon, so that each content is judged and logged once.
        _seen = files;
        _referenced = result.Snapshot is null ? result.ReferencedFiles : [];
        _seenReferenced = Referenced();
        _secrets = Watch(result.SecretFiles);

        if (result.Snapshot is not { } snapshot)
        {
            _store.Reject(result.Faults);
        }
        else if (snapshot.Version != _store.Current.Version || !_store.State.LastReloadSucceeded)
        {
            await _store.PublishAsync(snapshot, cancellationToken);
        }
    }

    /// <summary>
    /// Reads the files until two readings agree, so that they belong together: the folder that holds them may be swapped between the
    /// first and the last.
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

    private WatchedSecretFile[] Watch(IReadOnlyList<SecretFile> secrets) =>
        [.. secrets.Select(secret => new WatchedSecretFile(secret, Reader, _time))];

    /// <summary>Whether the content of one of the next few secret files differs from the one that was loaded.</summary>
    private bool HasSecretChanged(WatchedSecretFile[] secrets)
    {
        for (var i = 0; i < Math.Min(SecretsAtATime, secrets.Length); i++)
        {
            _nextSecret = (_nextSecret + 1) % secrets.Length;
            if (secrets[_nextSecret].HasChanged())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Which files that rejected settings refer to exist. A certificate that arrives after the settings makes them valid.
    /// </summary>
    private bool[] Referenced() => [.. _referenced.Select(File.Exists)];
}
