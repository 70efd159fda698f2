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

    private const string Models = "models";

    // Embedding models are in a list of their own.
    private const string Embeddings = "embeddings/models";

    private const int Ok = 200;

    private readonly SettingsStore _settings;
    private readonly IOpenRouterClient _upstream;
    private readonly PriceListStore _store;
    private readonly PriceListFile _file;
    private readonly ILogger<PriceListRefresher> _logger;
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
        store.Wanted += Wake;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _settings.Changed -= OnChanged;
        _store.Wanted -= Wake;
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        if (_settings.Current.Teams.Teams is not [var team, ..])
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
            await RefreshAsync(team.UpstreamKey, cancellationToken);
        }
        finally
        {
            _store.NoteAsked();
        }
    }

    private async Task RefreshAsync(UpstreamKey key, CancellationToken cancellationToken)
    {
        var models = await AskAsync(Models, key, cancellationToken);
        var embeddings = await AskAsync(Embeddings, key, cancellationToken);
        var previous = _store.Upstream;
        if (models is not null || embeddings is not null)
        {
            var fresh = (models ?? PriceList.Empty).Over(embeddings ?? PriceList.Empty);

            // Entries do not record their list, so all previous entries are kept while a list is missing.
            _store.Put(models is null || embeddings is null ? fresh.Over(previous) : fresh, hasModels: models is not null);
            await _file.WriteAsync(_store.Upstream, cancellationToken);
        }

        if (models is null)
        {
            throw new WorkerTurnException($"upstream returned no list of models; {previous.Count} known prices are kept");
        }

        // Not a failure: an upstream without embedding models has no such list.
        if (embeddings is null && !_lacksEmbeddings)
        {
            Log.PricesNotRefreshed(_logger, Embeddings, previous.Count);
        }

        _lacksEmbeddings = embeddings is null;
        Period = _lacksEmbeddings ? PartialInterval : RefreshInterval;
    }

    /// <summary>Requests one list; <see langword="null"/> if the request fails or the list has no valid entry.</summary>
    private async Task<PriceList?> AskAsync(string path, UpstreamKey key, CancellationToken cancellationToken)
    {
        if (await _upstream.GetAsync(path, key, cancellationToken) is not { Status: Ok, Body: var body })
        {
            return null;
        }

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
