using System.Text;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Pricing;
using Gateway.Primitives;

namespace Gateway.Prices;

/// <summary>
/// Holds the current prices: upstream's list, with the prices in the settings taking precedence. <see cref="PriceListRefresher"/> fills it.
/// Requests read it and can ask for a newer list.
/// </summary>
internal sealed class PriceListStore(TimeProvider time)
{
    /// <summary>The minimum time between two refreshes that requests for unlisted models cause.</summary>
    internal static readonly TimeSpan ShortestInterval = TimeSpan.FromMinutes(1);

    /// <summary>How long requests under a budget wait for the first list, from the first of them.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _firstList = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _waitEnd;
    private long _askedAt;
    private volatile PriceList _list = PriceList.Empty;
    private volatile Prepared? _current;

    /// <summary>Raised when a request needs a list, or a newer one.</summary>
    public event Action? Wanted;

    /// <summary>Upstream's list, without the prices in the settings.</summary>
    public PriceList Upstream => _list;

    /// <summary>
    /// Whether a list of models has arrived, from upstream or from disk. A list of embedding models alone does not count.
    /// </summary>
    public bool HasList => _firstList.Task.IsCompleted;

    /// <summary>Whether requests still wait for the first list.</summary>
    public bool IsAwaited => !HasList && Volatile.Read(ref _waitEnd) is not { IsCompleted: true };

    /// <summary>The prices for a request with this settings snapshot.</summary>
    public PriceList For(SettingsSnapshot snapshot)
    {
        var list = _list;
        if (_current is { } current && current.List == list && current.Snapshot == snapshot)
        {
            return current.Merged;
        }

        var merged = list.With(Configured(snapshot.Settings.Limits.Prices));
        _current = new Prepared(list, snapshot, merged);
        return merged;
    }

    /// <summary>
    /// Asks for a list and waits for the first one. All requests share one deadline, a few seconds after the first of them, so that an
    /// upstream without a list does not delay each of them. After the deadline the price stays unknown, and the settings decide whether such
    /// a request is refused.
    /// </summary>
    public Task WaitForListAsync(CancellationToken cancellationToken)
    {
        Wanted?.Invoke();
        var end = LazyInitializer.EnsureInitialized(ref _waitEnd, () => Task.Delay(LongestWait, time, CancellationToken.None));
        return Task.WhenAny(_firstList.Task, end).WaitAsync(cancellationToken);
    }

    /// <summary>Asks for a newer list because a request names an unlisted model. Has no effect within a minute after a refresh.</summary>
    public void AskSoon()
    {
        if (HasList && time.GetElapsedTime(Volatile.Read(ref _askedAt)) >= ShortestInterval)
        {
            Wanted?.Invoke();
        }
    }

    /// <summary>Replaces upstream's list.</summary>
    /// <param name="list">The new list.</param>
    /// <param name="hasModels">Whether it contains the list of models, not only the list of embedding models.</param>
    public void Put(PriceList list, bool hasModels)
    {
        _list = list;
        if (hasModels)
        {
            _firstList.TrySetResult();
        }
    }

    /// <summary>Records the time of a refresh, successful or not.</summary>
    public void NoteAsked() => Volatile.Write(ref _askedAt, time.GetTimestamp());

    // The validation of the settings rejects a price that cannot be parsed.
    private static Dictionary<string, StatedPrice> Configured(IReadOnlyList<ModelPriceSettings> prices)
    {
        var configured = new Dictionary<string, StatedPrice>(StringComparer.OrdinalIgnoreCase);
        foreach (var price in prices)
        {
            configured[price.Model.Trim()] = new StatedPrice(
                Read(price.Prompt), Read(price.Completion), price.Request is { } request ? Read(request) : null);
        }

        return configured;

        static PicoDollars Read(string text) => PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount) ? amount : default;
    }

    private sealed record Prepared(PriceList List, SettingsSnapshot Snapshot, PriceList Merged);
}
