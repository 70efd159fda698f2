namespace FakeOpenRouter;

/// <summary>
/// The bill of one generation. It stands from the moment its request has arrived and changes until the generation is over.
/// </summary>
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

    public BookEntry(TimeProvider time, FakeScript script, ModelPrice price)
    {
        _time = time;
        _script = script;
        _price = price;
        _startedAt = time.GetTimestamp();
        CreatedAt = time.GetUtcNow();
        PromptTokens = script.PromptTokens ?? ModelCatalogue.PromptTokens;
        AllCompletionTokens = script.CompletionTokens ?? script.Events;
        IsBilled = script.Status is null or < 400 || script.BillError;
    }

    /// <summary>The generation's id.</summary>
    public required string Id { get; init; }

    /// <summary>The call's <c>x-fake-id</c>, if it has one.</summary>
    public string? ScriptId => _script.Id;

    /// <summary>Which key made the call: <see cref="BillingBook.MarkOf(string)"/>.</summary>
    public required string Key { get; init; }

    /// <summary>The endpoint below the base address: <c>/chat/completions</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The model that answers.</summary>
    public required string Model { get; init; }

    public required string Provider { get; init; }

    /// <summary>Whether the answer is an event stream.</summary>
    public required bool Streams { get; init; }

    public DateTimeOffset CreatedAt { get; }

    /// <summary>Whether it costs anything; errors do not, unless the script bills them.</summary>
    public bool IsBilled { get; }

    public long PromptTokens { get; }

    /// <summary>
    /// Tokens of the answer that are billed: those produced by now of a stream, which stops when its client leaves, else all of them.
    /// </summary>
    public long CompletionTokens => Streams && !_script.BillFull ? Interlocked.Read(ref _produced) : AllCompletionTokens;

    /// <summary>Tokens of the whole answer.</summary>
    public long AllCompletionTokens { get; }

    /// <summary>The bill as it stands, in pico-dollars.</summary>
    public Int128 Cost => CostOf(CompletionTokens);

    /// <summary>The bill as the script wants it written.</summary>
    public string CostText => TextOf(Cost);

    public BookEnd End => (BookEnd)Volatile.Read(ref _end);

    /// <summary>Whether the headers with the id were handed to the network.</summary>
    public bool IdSent => Volatile.Read(ref _idSent) != 0;

    /// <summary>How often <c>GET /generation</c> asked for it.</summary>
    public int Questions => Volatile.Read(ref _questions);

    /// <summary>What the whole answer's <c>usage</c> says.</summary>
    public Usage WholeUsage => new(PromptTokens, AllCompletionTokens, TextOf(CostOf(AllCompletionTokens)));

    /// <summary>From the call to its end, or to now.</summary>
    public TimeSpan Duration
    {
        get
        {
            var endedAt = Interlocked.Read(ref _endedAt);
            return _time.GetElapsedTime(_startedAt, endedAt == 0 ? _time.GetTimestamp() : endedAt);
        }
    }

    /// <summary>An event of text is about to be sent: the share of the answer up to it is produced.</summary>
    public void Produce(int part, int parts) => Interlocked.Exchange(ref _produced, AllCompletionTokens * part / Math.Max(1, parts));

    public void MarkIdSent()
    {
        if (!_script.NoGenerationId)
        {
            Volatile.Write(ref _idSent, 1);
        }
    }

    /// <summary>The generation is over; the first end counts.</summary>
    public void Finish(BookEnd end)
    {
        if (Interlocked.CompareExchange(ref _end, (int)end, (int)BookEnd.Open) == (int)BookEnd.Open)
        {
            Interlocked.Exchange(ref _endedAt, _time.GetTimestamp());
        }
    }

    /// <summary>Notes that <c>GET /generation</c> asks for it, and says what the status of the answer is.</summary>
    /// <param name="key">The mark of the asking key.</param>
    /// <param name="delay">How long after its end a generation is still unknown, unless the script says.</param>
    public int Ask(string key, TimeSpan delay)
    {
        var question = Interlocked.Increment(ref _questions);
        if (key != Key || _script.GenerationMissing)
        {
            return StatusCodes.Status404NotFound;
        }

        if (_script.GenerationStatus is { } status && question <= (_script.GenerationFailures ?? int.MaxValue))
        {
            return status;
        }

        var endedAt = Interlocked.Read(ref _endedAt);
        return endedAt != 0 && _time.GetElapsedTime(endedAt) >= (_script.GenerationDelay ?? delay)
            ? StatusCodes.Status200OK
            : StatusCodes.Status404NotFound;
    }

    private Int128 CostOf(long completionTokens) => IsBilled ? _price.Bill(PromptTokens, completionTokens) : 0;

    private string TextOf(Int128 cost) => _script.CostExponent ? Pico.Exponential(cost) : Pico.Plain(cost);
}
