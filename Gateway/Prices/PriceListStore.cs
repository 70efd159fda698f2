using System.Text;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Pricing;
using Gateway.Primitives;

namespace Gateway.Prices;

/// <summary>
/// The prices in force: upstream's list under the prices that the settings state. <see cref="PriceListRefresher"/> fills it; requests read
/// it and ask for a newer list.
/// </summary>
internal sealed class PriceListStore(TimeProvider time)
{
    /// <summary>How long upstream is not asked again after an answer, when a model is called that the list lacks.</summary>
    internal static readonly TimeSpan ShortestInterval = TimeSpan.FromMinutes(1);

    /// <summary>How long a request under a budget waits for the first list.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _firstList = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _askedAt;
    private volatile PriceList _list = PriceList.Empty;
    private volatile Prepared? _current;

    /// <summary>Raised when a request needs a list, or a newer one.</summary>
    public event Action? Wanted;

    /// <summary>Upstream's list, without the prices of the settings.</summary>
    public PriceList Upstream => _list;

    /// <summary>Whether there is a list of models, from upstream or from disk; one of embeddings alone is none.</summary>
    public bool HasList => _firstList.Task.IsCompleted;

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

    /// <summary>Asks for a list and waits for the first one, for some seconds at most.</summary>
    public async Task WaitForListAsync(CancellationToken cancellationToken)
    {
        Wanted?.Invoke();
        try
        {
            await _firstList.Task.WaitAsync(LongestWait, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The price stays unknown. The settings say whether such a request is refused.
        }
    }

    /// <summary>Asks for a newer list, unless upstream was asked within the last minute: a request named a model that the list lacks.</summary>
    public void AskSoon()
    {
        if (HasList && time.GetElapsedTime(Volatile.Read(ref _askedAt)) >= ShortestInterval)
        {
            Wanted?.Invoke();
        }
    }

    /// <summary>Puts a list in force.</summary>
    /// <param name="list">The list.</param>
    /// <param name="hasModels">Whether it has the models that give text, which are what most requests name.</param>
    public void Put(PriceList list, bool hasModels)
    {
        _list = list;
        if (hasModels)
        {
            _firstList.TrySetResult();
        }
    }

    /// <summary>Notes that upstream was asked, with whatever result.</summary>
    public void NoteAsked() => Volatile.Write(ref _askedAt, time.GetTimestamp());

    // A price that cannot be read is a fault of the settings, and no snapshot has one.
    private static Dictionary<string, ModelPrice> Stated(IReadOnlyList<ModelPriceSettings> prices)
    {
        var stated = new Dictionary<string, ModelPrice>(StringComparer.OrdinalIgnoreCase);
        foreach (var price in prices)
        {
            stated[price.Model.Trim()] = new ModelPrice(Read(price.Prompt), Read(price.Completion), Read(price.Request));
        }

        return stated;

        static PicoDollars Read(string text) => PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount) ? amount : default;
    }

    private sealed record Prepared(PriceList List, SettingsSnapshot Snapshot, PriceList Whole);
}
