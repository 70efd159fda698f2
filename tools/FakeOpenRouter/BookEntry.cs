namespace FakeOpenRouter;

/// <summary>The bill of one generation. It exists from the arrival of the request and changes until the generation ends.</summary>
internal sealed class BookEntry
{
    private readonly TimeProvider _time;
    private readonly FakeScript _script;
    private readonly ModelPrice _price;
    private readonly long _startedAt;
    private long _produced;
    private long _endedAt;
    private int _end;
    private int _idSent;
    private int _questions;
    private int _isReleased;

    public BookEntry(TimeProvider time, FakeScript script, ModelPrice price)
    {
        _time = time;
        _script = script;
        _price = price;
        _startedAt = time.GetTimestamp();
        CreatedAt = time.GetUtcNow();
        PromptTokens = script.PromptTokens ?? ModelCatalogue.PromptTokens;
        AllCompletionTokens = script.CompletionTokens ?? script.Events;

        // An error in place of a response, without an id, is an error of the API and not of a generation.
        var isRejected = script.Status is >= 300 or 204 or 205 || script is { ErrorInside: true, NoGenerationId: true };
        IsBilled = !isRejected || script.BillError;
    }

    /// <summary>The generation's id.</summary>
    public required string Id { get; init; }

    /// <summary>The <c>x-fake-id</c> of the request; <see langword="null"/> if it has none.</summary>
    public string? ScriptId => _script.Id;

    /// <summary>The key of the request, as <see cref="BillingBook.MarkOf(string)"/>.</summary>
    public required string Key { get; init; }

    /// <summary>The endpoint below the base address: <c>/chat/completions</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The model of the response.</summary>
    public required string Model { get; init; }

    public required string Provider { get; init; }

    /// <summary>Whether the response is an event stream.</summary>
    public required bool Streams { get; init; }

    public DateTimeOffset CreatedAt { get; }

    /// <summary>Whether the generation is billed. Errors are free unless the script bills them.</summary>
    public bool IsBilled { get; }

    public long PromptTokens { get; }

    /// <summary>
    /// The billed completion tokens. For a stream, which stops when its client disconnects, those produced so far; otherwise all.
    /// </summary>
    public long CompletionTokens => Streams && !_script.BillFull ? Interlocked.Read(ref _produced) : AllCompletionTokens;

    /// <summary>The completion tokens of the whole response.</summary>
    public long AllCompletionTokens { get; }

    /// <summary>The current bill in pico-dollars.</summary>
    public Int128 Cost => CostOf(CompletionTokens);

    /// <summary>The bill in the spelling that the script selects.</summary>
    public string CostText => TextOf(Cost);

    /// <summary>The provider's own bill in pico-dollars; <see langword="null"/> without BYOK or for an unbilled call.</summary>
    public Int128? ByokCost => IsBilled ? _script.ByokCost : null;

    /// <summary>The provider's own bill; <see langword="null"/> without BYOK.</summary>
    public string? ByokText => ByokCost is { } cost ? Pico.Plain(cost) : null;

    public BookEnd End => (BookEnd)Volatile.Read(ref _end);

    /// <summary>Whether the headers with the id were passed to the network.</summary>
    public bool IdSent => Volatile.Read(ref _idSent) != 0;

    /// <summary>The number of <c>GET /generation</c> requests for it.</summary>
    public int Questions => Volatile.Read(ref _questions);

    /// <summary>The <c>usage</c> of the whole response.</summary>
    public Usage WholeUsage => new(PromptTokens, AllCompletionTokens, TextOf(CostOf(AllCompletionTokens)), ByokText);

    /// <summary>The time from the request to its end, or to now.</summary>
    public TimeSpan Duration
    {
        get
        {
            var endedAt = Interlocked.Read(ref _endedAt);
            return _time.GetElapsedTime(_startedAt, endedAt == 0 ? _time.GetTimestamp() : endedAt);
        }
    }

    /// <summary>Records that a text event is about to be sent: the response up to it is produced.</summary>
    public void Produce(int part, int parts) => Interlocked.Exchange(ref _produced, AllCompletionTokens * part / Math.Max(1, parts));

    public void MarkIdSent()
    {
        if (!_script.NoGenerationId)
        {
            Volatile.Write(ref _idSent, 1);
        }
    }

    /// <summary>Records the end of the generation. The first end counts.</summary>
    public void Finish(BookEnd end)
    {
        // The time first: an end that can be seen has its time.
        if (Interlocked.CompareExchange(ref _endedAt, _time.GetTimestamp(), 0) == 0)
        {
            Volatile.Write(ref _end, (int)end);
        }
    }

    /// <summary>Ends the scripted delay, failures and absence of the bill: <c>GET /generation</c> knows the generation once it has ended.</summary>
    public void Release() => Volatile.Write(ref _isReleased, 1);

    /// <summary>Records a <c>GET /generation</c> request. Returns the status of its response.</summary>
    /// <param name="key">The mark of the key of that request.</param>
    /// <param name="delay">The time after its end for which a generation is unknown, unless the script sets it.</param>
    public int Ask(string key, TimeSpan delay)
    {
        var question = Interlocked.Increment(ref _questions);
        var isReleased = Volatile.Read(ref _isReleased) != 0;
        if (key != Key || (_script.GenerationMissing && !isReleased))
        {
            return StatusCodes.Status404NotFound;
        }

        if (!isReleased && _script.GenerationStatus is { } status && question <= (_script.GenerationFailures ?? int.MaxValue))
        {
            return status;
        }

        var endedAt = Interlocked.Read(ref _endedAt);
        return endedAt != 0 && (isReleased || _time.GetElapsedTime(endedAt) >= (_script.GenerationDelay ?? delay))
            ? StatusCodes.Status200OK
            : StatusCodes.Status404NotFound;
    }

    private Int128 CostOf(long completionTokens) => IsBilled ? _price.Bill(PromptTokens, completionTokens) : 0;

    private string TextOf(Int128 cost) => _script.CostExponent ? Pico.Exponential(cost) : Pico.Plain(cost);
}
