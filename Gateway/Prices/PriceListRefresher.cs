using System.Text.Json;
using Gateway.Configuration;
using Gateway.OpenRouter;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Workers;

namespace Gateway.Prices;

/// <summary>
/// Fills <see cref="PriceListStore"/>: at the start from disk and from upstream, then from upstream every hour and when a request needs a
/// newer list. Asks upstream only if teams are configured. Upstream has two lists; if one of them fails, the previous entries are kept.
/// </summary>
internal sealed partial class PriceListRefresher : Worker
{
    internal static readonly TimeSpan RefreshInterval = TimeSpan.FromHours(1);

    /// <summary>The refresh interval while only one of the two lists is available.</summary>
    internal static readonly TimeSpan PartialInterval = TimeSpan.FromMinutes(5);

    // By default the list contains only the models that write text.
    private const string Models = "models?output_modalities=all";

    // Embedding models have a list of their own, which an upstream may keep up to date by itself.
    private const string Embeddings = "embeddings/models";

    private readonly SettingsStore _settings;
    private readonly IOpenRouterClient _upstream;
    private readonly PriceListStore _store;
    private readonly PriceListFile _file;
    private readonly ILogger<PriceListRefresher> _logger;
    private readonly Lock _gate = new();
    private bool _hasReadFile;
    private bool _lacksEmbeddings;

    public PriceListRefresher(
        SettingsStore settings,
        IOpenRouterClient upstream,
        PriceListStore store,
        PriceListFile file,
        WorkerHealth health,
        TimeProvider time,
        ILogger<PriceListRefresher> logger)
        : base("prices", RefreshInterval, health, time, logger)
    {
        _settings = settings;
        _upstream = upstream;
        _store = store;
        _file = file;
        _logger = logger;
        settings.Changed += OnChanged;
        store.Wanted += WakeAfterBackOff;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _settings.Changed -= OnChanged;
        _store.Wanted -= WakeAfterBackOff;
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var snapshot = _settings.Current;
        if (snapshot.Teams.Teams is not [var team, ..])
        {
            return;
        }

        if (!_hasReadFile)
        {
            var stored = await _file.ReadAsync(cancellationToken);
            _store.Put(stored, hasModels: stored.Count > 0);
            _hasReadFile = true;
        }

        try
        {
            await RefreshAsync(snapshot, team.UpstreamKey, cancellationToken);
        }
        finally
        {
            _store.NoteAsked();
        }
    }

    private async Task RefreshAsync(SettingsSnapshot snapshot, UpstreamKey key, CancellationToken cancellationToken)
    {
        // In parallel, and each list takes effect as it arrives: a slow list must not delay the other one.
        var known = _store.Upstream.Count;
        var requests = (
            Models: FetchAsync(Models, snapshot, key, cancellationToken),
            Embeddings: FetchAsync(Embeddings, snapshot, key, cancellationToken));
        await Task.WhenAll(requests.Models, requests.Embeddings);
        var (models, embeddings) = (await requests.Models, await requests.Embeddings);
        if (models is not null && embeddings is not null)
        {
            // Entries do not record their list, so previous entries are dropped only if both lists are new.
            _store.Put(models.Join(embeddings), hasModels: true);
        }

        // The file does not record its lists either: it is written only if it contains a list of models.
        if (_store.HasList && (models is not null || embeddings is not null))
        {
            await _file.WriteAsync(_store.Upstream, cancellationToken);
        }

        if (models is null)
        {
            throw new WorkerTurnException($"upstream returned no list of models; {known} known prices are kept");
        }

        // Not a failure: an upstream without embedding models has no such list.
        if (embeddings is null && !_lacksEmbeddings)
        {
            Log.PricesNotRefreshed(_logger, Embeddings, known);
        }

        _lacksEmbeddings = embeddings is null;
        Period = _lacksEmbeddings ? PartialInterval : RefreshInterval;
    }

    /// <summary>
    /// Requests one list and adds it to the known prices; <see langword="null"/> if the request fails or the list has no valid entry.
    /// </summary>
    private async Task<PriceList?> FetchAsync(string path, SettingsSnapshot snapshot, UpstreamKey key, CancellationToken cancellationToken)
    {
        var list = await _upstream.GetListAsync(path, snapshot, key, Read, cancellationToken);
        if (list is not null)
        {
            lock (_gate)
            {
                _store.Put(list.Over(_store.Upstream), hasModels: path == Models);
            }
        }

        return list;
    }

    private static PriceList? Read(byte[] body)
    {
        try
        {
            return PriceList.Read(body) is { Count: > 0 } list ? list : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void OnChanged(SettingsSnapshot snapshot)
    {
        if (!snapshot.Teams.IsEmpty && !_store.HasList)
        {
            Wake();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.PricesNotRefreshed, LogLevel.Warning, "Upstream returned no list {List}; {Known} known prices are kept")]
        public static partial void PricesNotRefreshed(ILogger logger, string list, int known);
    }
}
