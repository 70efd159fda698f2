using Gateway.Configuration.Reading;
using Gateway.Secrets;
using Gateway.Workers;

namespace Gateway.Configuration;

/// <summary>
/// Looks at the settings files, and at those that they refer to for secrets, several times a second and reloads when their content
/// changed. Polling by content rather than events of the file system: a ConfigMap's symlink swap, a rename over the file and a bind mount
/// raise different events, or none.
/// </summary>
internal sealed class SettingsWatcher : Worker
{
    /// <summary>Between two looks; with <see cref="SecondLook"/> and the load itself well within a second.</summary>
    internal static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(150);

    /// <summary>How long a file that is missing or no JSON gets before that counts: somebody may be just writing it.</summary>
    internal static readonly TimeSpan SecondLook = TimeSpan.FromMilliseconds(200);

    /// <summary>How often files that change while they are read are read again, before the next look takes over.</summary>
    private const int Attempts = 3;

    /// <summary>
    /// How many files with secrets are looked at each time: hundreds of teams share a second and more, and cost no more than a few.
    /// </summary>
    private const int SecretsAtATime = 32;

    private readonly SettingsSources _sources;
    private readonly SettingsLoader _loader;
    private readonly SettingsStore _store;
    private readonly TimeProvider _time;
    private SettingsFiles _seen;
    private bool[] _seenReferenced = [];
    private IReadOnlyList<string> _referenced = [];
    private IReadOnlyList<SecretFile> _secrets;
    private int _nextSecret;

    /// <summary>Creates a watcher.</summary>
    /// <param name="sources">The sources that the program was started with.</param>
    /// <param name="files">The files as they were when the program loaded its settings.</param>
    /// <param name="loader">Judges changes.</param>
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
        _secrets = store.Current.SecretFiles;
        _time = time;
    }

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken) => LookAsync(cancellationToken);

    /// <summary>Looks once, and reloads when something changed.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        var files = ReadStable();
        if (files.HasSameContent(_seen) && Referenced().SequenceEqual(_seenReferenced) && !HasSecretChanged())
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

        // Noted before it is acted upon: whatever comes of this content, it comes once.
        _seen = files;
        _referenced = result.Snapshot is null ? result.ReferencedFiles : [];
        _seenReferenced = Referenced();
        _secrets = result.SecretFiles;

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
    /// Reads the files so that they belong together: a swap of the folder that holds them may fall between the first and the last.
    /// </summary>
    private SettingsFiles ReadStable()
    {
        var files = SettingsFiles.Read(_sources);
        for (var i = 0; i < Attempts && !files.HasSameContent(_seen); i++)
        {
            var again = SettingsFiles.Read(_sources);
            if (again.HasSameContent(files))
            {
                break;
            }

            files = again;
        }

        return files;
    }

    /// <summary>Whether one of the next few files with secrets is another one now.</summary>
    private bool HasSecretChanged()
    {
        for (var i = 0; i < Math.Min(SecretsAtATime, _secrets.Count); i++)
        {
            _nextSecret = (_nextSecret + 1) % _secrets.Count;
            if (_secrets[_nextSecret].HasChanged())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Which of the files exist that refused settings name: a certificate that arrives after the settings that ask for it mends them.
    /// </summary>
    private bool[] Referenced() => [.. _referenced.Select(File.Exists)];
}
