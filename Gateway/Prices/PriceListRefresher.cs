using System.Text.Json;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.OpenRouter;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Secrets;

namespace Gateway.Prices;

/// <summary>
/// The prices in force: upstream's list, asked for at the start and every hour, kept on disk for a start without network, under the prices
/// that the settings state. Asks only when there are teams.
/// </summary>
internal sealed partial class PriceListRefresher : BackgroundService
{
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromHours(1);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);

    /// <summary>How soon after a list another one is asked for, when a model is called that it does not have.</summary>
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMinutes(1);

    /// <summary>How long a request under a budget waits for a list that was never there.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly SettingsStore _settings;
    private readonly OpenRouterClient _upstream;
    private readonly TimeProvider _time;
    private readonly ILogger<PriceListRefresher> _logger;
    private readonly string _path;
    private readonly TaskCompletionSource _firstList = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _wake = new(0);
    private long _refreshedAt;
    private volatile PriceList _list = PriceList.Empty;
    private volatile Prepared? _current;

    public PriceListRefresher(
        SettingsStore settings, OpenRouterClient upstream, SettingsSources sources, TimeProvider time, ILogger<PriceListRefresher> logger)
    {
        _settings = settings;
        _upstream = upstream;
        _time = time;
        _logger = logger;
        _path = Path.GetFullPath(settings.Current.Settings.Usage.PricesPath, sources.WorkingDirectory);
        settings.Changed += OnChanged;
    }

    /// <summary>The prices for a request with this snapshot.</summary>
    public PriceList For(SettingsSnapshot snapshot)
    {
        var list = _list;
        if (_current is { } current && current.List == list && current.Snapshot == snapshot)
        {
            return current.Whole;
        }

        var whole = list.With(Stated(snapshot.Settings.Limits.Prices));
        _current = new Prepared(list, snapshot, whole);
        return whole;
    }

    // What could not be read was a fault of the settings.
    private static Dictionary<string, ModelPrice> Stated(IReadOnlyList<ModelPriceSettings> prices)
    {
        var stated = new Dictionary<string, ModelPrice>(StringComparer.OrdinalIgnoreCase);
        foreach (var price in prices)
        {
            stated[price.Model.Trim()] = new ModelPrice(Read(price.Prompt), Read(price.Completion), Read(price.Request));
        }

        return stated;

        static PicoDollars Read(string text) =>
            PicoDollars.TryParse(System.Text.Encoding.UTF8.GetBytes(text), out var amount) ? amount : default;
    }

    /// <summary>Whether there is any list, be it from disk.</summary>
    public bool HasList => _list.Count > 0;

    /// <summary>Waits for the first list, at most some seconds.</summary>
    public async Task WaitForListAsync(CancellationToken cancellationToken)
    {
        Wake();
        try
        {
            await _firstList.Task.WaitAsync(LongestWait, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The price stays unknown, and the request is refused or not by what the settings say of that.
        }
    }

    /// <summary>Asks for a new list soon, unless the last one has just come: a model was called that it does not have.</summary>
    public void AskSoon()
    {
        if (HasList && _time.GetElapsedTime(Volatile.Read(ref _refreshedAt)) >= ShortestInterval)
        {
            Wake();
        }
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _settings.Changed -= OnChanged;
        _wake.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (_settings.Current.Teams.IsEmpty)
            {
                await _wake.WaitAsync(stoppingToken);
            }

            await ReadDiskAsync(stoppingToken);
            if (HasList)
            {
                _firstList.TrySetResult();
            }

            var retry = FirstRetry;
            while (true)
            {
                var isFresh = await RefreshAsync(stoppingToken);
                Volatile.Write(ref _refreshedAt, _time.GetTimestamp());
                if (HasList)
                {
                    _firstList.TrySetResult();
                }

                await WaitAsync(isFresh ? RefreshInterval : retry, stoppingToken);
                retry = isFresh ? FirstRetry : TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LastRetry.Ticks));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private async Task WaitAsync(TimeSpan interval, CancellationToken stoppingToken)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var delay = Task.Delay(interval, _time, enough.Token);
        var woken = _wake.WaitAsync(enough.Token);
        await Task.WhenAny(delay, woken);
        await enough.CancelAsync();
        await woken.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
    }

    private void Wake()
    {
        if (_wake.CurrentCount == 0)
        {
            _wake.Release();
        }
    }

    private void OnChanged(SettingsSnapshot snapshot)
    {
        if (!snapshot.Teams.IsEmpty && !HasList)
        {
            Wake();
        }
    }

    private async Task ReadDiskAsync(CancellationToken stoppingToken)
    {
        try
        {
            _list = PriceList.Read(await File.ReadAllBytesAsync(_path, stoppingToken));
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            // The first start.
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.PricesUnreadable(_logger, _path, fault.Message);
        }
    }

    private async Task<bool> RefreshAsync(CancellationToken stoppingToken)
    {
        var teams = _settings.Current.Teams.Teams;
        var key = teams.Count > 0 ? teams[0].UpstreamKey : null;
        if (await AskAsync("models", key, stoppingToken) is not { } models)
        {
            Log.PricesNotRefreshed(_logger, _list.Count);
            return false;
        }

        // Models that give no text have lists of their own; an upstream without such a list has no such models.
        var embeddings = await AskAsync("embeddings/models", key, stoppingToken);
        try
        {
            _list = embeddings is null ? PriceList.Read(models) : PriceList.Read(models, embeddings);
        }
        catch (JsonException)
        {
            Log.PricesNotRefreshed(_logger, _list.Count);
            return false;
        }

        await KeepAsync(models, embeddings, stoppingToken);
        return true;
    }

    private async Task<byte[]?> AskAsync(string path, UpstreamKey? key, CancellationToken stoppingToken) =>
        await _upstream.GetAsync(path, key, stoppingToken) is { Status: 200, Body: var body } ? body : null;

    private async Task KeepAsync(byte[] models, byte[]? embeddings, CancellationToken stoppingToken)
    {
        var temporary = $"{_path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            await File.WriteAllBytesAsync(temporary, PriceList.Join(models, embeddings), stoppingToken);
            File.Move(temporary, _path, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Log.PricesNotKept(_logger, _path, fault.Message);
        }
    }

    private sealed record Prepared(PriceList List, SettingsSnapshot Snapshot, PriceList Whole);

    private static partial class Log
    {
        [LoggerMessage(LogEvents.PricesUnreadable, LogLevel.Warning, "The prices in {Path} cannot be used: {Fault}")]
        public static partial void PricesUnreadable(ILogger logger, string path, string fault);

        [LoggerMessage(LogEvents.PricesNotRefreshed, LogLevel.Warning, "Upstream gave no list of prices; {Known} known ones stay")]
        public static partial void PricesNotRefreshed(ILogger logger, int known);

        [LoggerMessage(LogEvents.PricesNotKept, LogLevel.Warning, "Prices cannot be kept in {Path}: {Fault}")]
        public static partial void PricesNotKept(ILogger logger, string path, string fault);
    }
}
