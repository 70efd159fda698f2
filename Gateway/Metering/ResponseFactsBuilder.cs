using System.Text;

namespace Gateway.Metering;

/// <summary>Collects the facts of a response from its JSON documents: the body, or one document per event.</summary>
internal sealed class ResponseFactsBuilder
{
    private string? _id;
    private string? _model;
    private string? _provider;
    private string? _serviceTier;
    private string? _stopReason;
    private string? _status;
    private string? _incompleteReason;
    private bool _hasError;
    private bool _isComplete;

    // The current document: whether it is an object, whether it contains an error, output, text or a type, whether its type opens a
    // stream, repeats earlier text or is a ping, and whether it contains any part of the response but its bill.
    private bool _documentIsObject;
    private bool _documentHasError;
    private bool _documentHasOutput;
    private bool _documentIsTyped;
    private bool _documentHasCost;
    private bool _documentHasUsage;
    private bool _documentOpens;
    private bool _documentHasText;
    private bool _documentRepeats;
    private bool _documentIsPing;
    private bool _documentProgresses;

    // Most responses state their bill at their end, so a stream does without them for as long as it lasts.
    private Bills? _bills;

    private ResponseFacts? _facts = ResponseFacts.None;

    /// <summary>Whether the <c>id</c> of the response is known.</summary>
    public bool HasId => _id is not null;

    /// <inheritdoc cref="ResponseFacts.IsComplete" />
    public bool IsComplete
    {
        get => _isComplete;
        set => Set(ref _isComplete, value);
    }

    /// <inheritdoc cref="ResponseFacts.HasError" />
    public bool HasError
    {
        get => _hasError;
        set => Set(ref _hasError, value);
    }

    /// <summary>The meaning of the current document's <c>type</c> for the end of the response.</summary>
    public ResponseEnd End { get; private set; }

    /// <summary>Whether the current document, which is a body, contains output.</summary>
    public bool DocumentHasOutput => _documentHasOutput;

    /// <summary>Whether a cost is known.</summary>
    public bool HasCost => _bills is { Total.HasCost: true };

    /// <summary>Whether the current document states a cost.</summary>
    public bool DocumentHasCost => _documentHasCost;

    /// <summary>Whether the current document has a bill, with a cost or without.</summary>
    public bool DocumentHasUsage => _documentHasUsage;

    /// <summary>
    /// Whether the current document, which is an event, may stand behind the bill: the end of a messages stream, a ping, or an object without a
    /// type and choices (OpenRouter's metadata).
    /// </summary>
    public bool DocumentIsAside => _documentIsObject && !_documentProgresses && (!_documentIsTyped || _documentIsPing || End == ResponseEnd.Stopped);

    /// <summary>
    /// Whether the current document, which is an event, is content: neither an error nor an event that opens a stream, and not an untyped
    /// object without choices.
    /// </summary>
    public bool DocumentIsContent =>
        !_documentHasError && !_documentOpens && (_documentIsTyped || _documentHasOutput || !_documentIsObject);

    /// <summary>Whether the current document, which is an event, is a piece of a completion; see <see cref="EventFilter.CarriesText"/>.</summary>
    public bool DocumentCarriesText => _documentHasText && !_documentRepeats && !_documentOpens && End == ResponseEnd.None;

    /// <summary>The facts. Built on demand and rebuilt only after a change.</summary>
    public ResponseFacts Facts => _facts ??= new ResponseFacts
    {
        Id = _id,
        Model = _model,
        Provider = _provider,
        ServiceTier = _serviceTier,
        FinishReason = _stopReason ?? _incompleteReason ?? _status,
        Usage = _bills?.Total.ToUsage(),
        HasError = _hasError,
        IsComplete = _isComplete,
    };

    public void BeginDocument()
    {
        End = ResponseEnd.None;
        _bills?.BeginDocument();
        _documentIsObject = false;
        _documentHasError = false;
        _documentHasOutput = false;
        _documentIsTyped = false;
        _documentHasCost = false;
        _documentHasUsage = false;
        _documentOpens = false;
        _documentHasText = false;
        _documentRepeats = false;
        _documentIsPing = false;
        _documentProgresses = false;
    }

    /// <summary>Records that the current document is an object.</summary>
    public void BeginObject() => _documentIsObject = true;

    /// <summary>
    /// Begins a bill. It replaces an earlier bill of the same document and is merged with the bills of earlier documents.
    /// </summary>
    public void BeginUsage()
    {
        _bills ??= new Bills();
        _bills.Begin();
    }

    /// <summary>Ends a bill. A truncated bill never reaches this call and does not count.</summary>
    public void EndUsage()
    {
        _documentHasCost = _bills!.End();
        _documentHasUsage = true;
        _facts = null;
    }

    /// <summary>Records that a member has a value other than null.</summary>
    public void NoteValue(ResponsePosition position, ResponseMember member)
    {
        _documentProgresses |= position == ResponsePosition.Choices
            || member is ResponseMember.Error or ResponseMember.Delta or ResponseMember.Text or ResponseMember.Output;
        if (member == ResponseMember.Error)
        {
            NoteError();
        }
        else if (member is ResponseMember.Delta or ResponseMember.Text)
        {
            _documentHasText = true;
        }
        else if (position == ResponsePosition.Root && member is ResponseMember.Choices or ResponseMember.Output)
        {
            _documentHasOutput = true;
        }
    }

    /// <summary>Records the value of a member: an unescaped string, or the text of a number or literal.</summary>
    public void Note(ResponseMember member, ReadOnlySpan<byte> text, bool isString)
    {
        if (member is >= ResponseMember.PromptTokens and <= ResponseMember.Cost)
        {
            _bills!.Current.Note(member, text, isString);
        }
        else if (member == ResponseMember.Usage)
        {
            // A duplicate that is null: there is no bill in this document.
            _bills?.Undo();
            _documentHasCost = false;
            _documentHasUsage = false;
            _facts = null;
        }
        else if (isString)
        {
            NoteText(member, text);
        }
    }

    /// <summary>The meaning of an event's <c>type</c> or name for the end of the response.</summary>
    public static ResponseEnd EndOf(ReadOnlySpan<byte> type)
    {
        return type switch
        {
            _ when type.SequenceEqual("response.completed"u8) => ResponseEnd.Done,
            _ when type.SequenceEqual("response.incomplete"u8) => ResponseEnd.Done,
            _ when type.SequenceEqual("message_stop"u8) => ResponseEnd.Stopped,
            _ when type.SequenceEqual("response.failed"u8) => ResponseEnd.Failed,
            _ when type.SequenceEqual("error"u8) || type.SequenceEqual("response.error"u8) => ResponseEnd.Error,
            _ => ResponseEnd.None,
        };
    }

    /// <summary>Whether such a type or name says that the response is complete.</summary>
    public static bool IsEnd(ResponseEnd end) => end is ResponseEnd.Done or ResponseEnd.Stopped or ResponseEnd.Failed;

    private void NoteText(ResponseMember member, ReadOnlySpan<byte> text)
    {
        switch (member)
        {
            case ResponseMember.Id:
                SetText(ref _id, text);
                break;
            case ResponseMember.RequestId when _id is null && GenerationIdHeader.IsGeneration(text):
                SetText(ref _id, text);
                break;
            case ResponseMember.Model:
                SetText(ref _model, text);
                break;
            case ResponseMember.Provider:
                SetText(ref _provider, text);
                break;
            // "auto" is the value of the request; an unfinished response repeats it.
            case ResponseMember.ServiceTier when !text.SequenceEqual("auto"u8):
                SetText(ref _serviceTier, text, TierOf(text));
                break;
            case ResponseMember.StopReason:
                SetText(ref _stopReason, text);
                break;
            case ResponseMember.IncompleteReason:
                SetText(ref _incompleteReason, text);
                break;
            case ResponseMember.Status when !IsPending(text):
                SetText(ref _status, text);
                break;
            case ResponseMember.Type:
                End = EndOf(text);
                _documentIsTyped = true;
                _documentOpens = IsOpening(text);
                _documentRepeats = text.EndsWith(".done"u8);
                _documentIsPing = text.SequenceEqual("ping"u8);
                if (End is ResponseEnd.Error or ResponseEnd.Failed)
                {
                    NoteError();
                }

                break;
        }
    }

    private static bool IsOpening(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("ping"u8) || type.SequenceEqual("message_start"u8)
        || type.SequenceEqual("response.created"u8) || type.SequenceEqual("response.in_progress"u8);

    private void NoteError()
    {
        HasError = true;
        _documentHasError = true;
    }

    private static bool IsPending(ReadOnlySpan<byte> status) =>
        status.SequenceEqual("in_progress"u8) || status.SequenceEqual("queued"u8) || status.SequenceEqual("pending"u8);

    private void Set(ref bool field, bool value)
    {
        if (field != value)
        {
            field = value;
            _facts = null;
        }
    }

    /// <summary>The constant of a documented tier, which needs no string of its own.</summary>
    private static string? TierOf(ReadOnlySpan<byte> text) => text switch
    {
        _ when text.SequenceEqual("default"u8) => "default",
        _ when text.SequenceEqual("standard"u8) => "standard",
        _ when text.SequenceEqual("priority"u8) => "priority",
        _ when text.SequenceEqual("flex"u8) => "flex",
        _ => null,
    };

    private void SetText(ref string? field, ReadOnlySpan<byte> text, string? known = null)
    {
        // Later events repeat the values of the first event. A value with control characters is ignored, since a database may reject it.
        if (text.IsEmpty || text.ContainsAnyInRange((byte)0, (byte)0x1F) || (field is not null && Ascii.Equals(text, field)))
        {
            return;
        }

        field = known ?? Encoding.UTF8.GetString(text);
        _facts = null;
    }

    /// <summary>The bill before the current document, in the current document, and in total.</summary>
    private sealed class Bills
    {
        private UsageBuilder _before;
        private UsageBuilder _current;
        private UsageBuilder _total;

        public ref UsageBuilder Current => ref _current;

        public ref readonly UsageBuilder Total => ref _total;

        public void BeginDocument() => _before = _total;

        /// <summary>Begins the bill of the current document, in place of an earlier one of the same document.</summary>
        public void Begin()
        {
            _current = _before;
            _current.BeginDocument();
        }

        /// <summary>Counts the bill of the current document.</summary>
        /// <returns>Whether it states a cost.</returns>
        public bool End()
        {
            _total = _current;
            _total.EndDocument(_before);
            return _current.StatesCost;
        }

        /// <summary>Drops the bill of the current document.</summary>
        public void Undo() => _total = _before;
    }
}
